import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import settings_for
from probe.probing import known, probed, set_to

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import SYDNEY
from gateway.probe.evidence import ProbeRequest, ProbeResponse, Verdict
from gateway.probe.report import change_warnings, render_report
from gateway.probe.run import ProbeReport
from gateway.settings import SearchSupport, Settings, SiteSettings, load
from gateway.settings.resolve import merged_site_settings

ANSWERS: dict[str, Verdict] = {"repeats": "no", "comma": "yes"}
REPORT = ProbeReport(SYDNEY, known(ANSWERS), budget=25, requests_sent=2)
NONE = Settings()


def _engine(report: ProbeReport, version: str) -> ProbeReport:
    stated = ProbeResponse(
        ProbeRequest("metadata"), ({"resourceType": "CapabilityStatement", "version": version},)
    )
    return replace(report, evidence=report.evidence.with_response("metadata", stated))


def _holding(**facts: object) -> Settings:
    return Settings(sites={SYDNEY: SiteSettings(search=SearchSupport.model_validate(facts))})


@pytest.mark.parametrize(
    "variants",
    [
        {},
        {
            "column_zones": {"*._lastUpdated": "utc", "Encounter.date": "utc"},
            "last_updated": {"Patient": "ok"},
        },
        {"last_updated": {"Patient": "utc-labelled-local", "Encounter": "fixed-standard-offset"}},
        {"repeats": "refuse"},
        {"drop_date_filters": True},
    ],
    ids=str,
)
def test_the_gateway_loads_what_is_printed(
    halo: RunningEmulator, tmp_path: Path, variants: dict[str, object]
) -> None:
    set_to(halo, variants)
    report = probed(halo)
    text = render_report(report, settings_for(halo.url))
    (tmp_path / "gateway.toml").write_text(text)
    loaded = load(tmp_path / "gateway.toml")
    assert change_warnings(report, loaded, text) == []
    assert merged_site_settings(loaded, SYDNEY).search.supports_comma_or == (
        not variants.get("drop_date_filters")
    )


def test_counts_evidence_and_engine_are_in_comments() -> None:
    text = render_report(_engine(REPORT, "26.619.1"), NONE)
    assert "# halo-gateway probe: 2 of at most 25 queries asked" in text
    assert '# engine = "26.619.1"' in text
    assert "supports_comma_or = true  # one true value" in text
    assert "# period_semantics: cannot tell, not asked" in text
    assert tomllib.loads(text) == {
        "sites": {SYDNEY: {"search": {"supports_repeated_parameter": True, "supports_comma_or": True}}}
    }


def test_what_was_left_and_what_ended_it_is_said() -> None:
    text = render_report(replace(REPORT, questions_left=3, problem="No key. (x)"), NONE)
    assert "probe again with --budget 31" in text
    assert "# ENDED EARLY: No key. (x)" in text


@pytest.mark.parametrize(
    ("settings", "differs"),
    [
        (
            _holding(supports_comma_or=False),
            ["search.supports_comma_or: found true, the configuration says false"],
        ),
        (_holding(supports_comma_or=True), []),
        (_holding(period_semantics="r4"), []),
        (NONE, []),
    ],
)
def test_a_configuration_that_says_otherwise_is_warned_of(settings: Settings, differs: list[str]) -> None:
    assert change_warnings(REPORT, settings) == differs
    assert all(f"# WARNING: {each}" in render_report(REPORT, settings) for each in differs)


def test_what_changed_since_the_previous_probe_is_warned_of() -> None:
    before = _engine(replace(REPORT, evidence=known({**ANSWERS, "comma": "refused"})), "26.1")
    now = _engine(REPORT, "26.2")
    previous = render_report(before, NONE)
    assert change_warnings(now, NONE, previous) == [
        "engine: now 26.2, the previous probe found 26.1: compare all settings",
        "search.supports_comma_or: found true, the previous probe found false",
    ]
    assert change_warnings(before, NONE, previous) == []


def test_an_engine_key_of_ones_own_is_read_too() -> None:
    assert change_warnings(_engine(REPORT, "2"), NONE, 'engine = "1"')[0].startswith("engine: now 2")


def test_a_previous_file_that_is_no_toml_is_refused() -> None:
    with pytest.raises(ValueError, match="--previous"):
        change_warnings(REPORT, NONE, "= broken")
