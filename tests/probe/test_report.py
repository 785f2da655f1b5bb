"""Report of a probe."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import settings_for
from probe.probing import evidence_with, patients_updated_at, probe_emulator, set_variants

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import SYDNEY
from gateway.probe.clocks import dated_record
from gateway.probe.evidence import ProbeRequest, ProbeResponse, Verdict
from gateway.probe.report import change_warnings, render_report
from gateway.probe.run import ProbeReport
from gateway.settings import SearchSupport, Settings, SiteSettings, load
from gateway.settings.resolve import merged_site_settings

VERDICTS: dict[str, Verdict] = {"repeats": "no", "comma": "yes"}
REPORT = ProbeReport(SYDNEY, evidence_with(VERDICTS), budget=25, requests_sent=2)
NO_SETTINGS = Settings()


def _with_engine(report: ProbeReport, version: str) -> ProbeReport:
    statement = ProbeResponse(
        ProbeRequest("metadata"), ({"resourceType": "CapabilityStatement", "version": version},)
    )
    return replace(report, evidence=report.evidence.with_response("metadata", statement))


def _settings_with(**values: object) -> Settings:
    return Settings(sites={SYDNEY: SiteSettings(search=SearchSupport.model_validate(values))})


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
def test_gateway_loads_the_report(
    emulator: RunningEmulator, tmp_path: Path, variants: dict[str, object]
) -> None:
    set_variants(emulator, variants)
    report = probe_emulator(emulator)
    text = render_report(report, settings_for(emulator.url))
    (tmp_path / "gateway.toml").write_text(text)
    loaded = load(tmp_path / "gateway.toml")
    assert change_warnings(report, loaded, text) == []
    assert merged_site_settings(loaded, SYDNEY).search.supports_comma_or == (
        not variants.get("drop_date_filters")
    )


def test_report_contains_counts_evidence_and_engine() -> None:
    text = render_report(_with_engine(REPORT, "26.619.1"), NO_SETTINGS)
    assert "# halo-gateway probe: 2 of at most 25 queries sent" in text
    assert '# engine = "26.619.1"' in text
    assert "supports_comma_or = true  # a list with one true value" in text
    assert "# period_semantics: cannot tell, not asked" in text
    assert tomllib.loads(text) == {
        "sites": {
            SYDNEY: {
                "search": {
                    "verified_by": "probe 2026-07-01, engine 26.619.1",
                    "supports_repeated_parameter": True,
                    "supports_comma_or": True,
                }
            }
        }
    }


def test_probe_that_ended_early_proves_nothing() -> None:
    assert "verified_by" not in render_report(replace(REPORT, problem="No key. (x)"), NO_SETTINGS)


def test_report_contains_unasked_questions_and_problem() -> None:
    text = render_report(replace(REPORT, questions_left=3, problem="No key. (x)"), NO_SETTINGS)
    assert "probe again with --budget 31" in text
    assert "# ENDED EARLY: No key. (x)" in text


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        (
            _settings_with(supports_comma_or=False),
            ["search.supports_comma_or: found true, the configuration says false"],
        ),
        (_settings_with(supports_comma_or=True), []),
        (_settings_with(period_semantics="r4"), []),
        (NO_SETTINGS, []),
    ],
)
def test_difference_from_the_configuration_is_a_warning(settings: Settings, warnings: list[str]) -> None:
    assert change_warnings(REPORT, settings) == warnings
    assert all(f"# WARNING: {warning}" in render_report(REPORT, settings) for warning in warnings)


def test_clock_of_the_site_is_no_difference() -> None:
    evidence = evidence_with(Patient=patients_updated_at("2026-01-02T03:04:05"))
    record = dated_record(evidence, "Patient")
    assert record is not None
    pairs = record.second_conditions("_lastUpdated", record.candidate_seconds["_lastUpdated"]["as-shown"])
    response = ProbeResponse(ProbeRequest("Patient", pairs, record.id), ({"id": record.id},))
    report = replace(REPORT, evidence=evidence.with_response("q", response))
    for zone, count in (("site", 0), ("Australia/Sydney", 0), ("UTC", 1)):
        settings = _settings_with(column_time_zones={"Patient._lastUpdated": zone})
        assert len(change_warnings(report, settings)) == count


def test_difference_from_the_previous_probe_is_a_warning() -> None:
    earlier = _with_engine(replace(REPORT, evidence=evidence_with({**VERDICTS, "comma": "refused"})), "26.1")
    now = _with_engine(REPORT, "26.2")
    previous = render_report(earlier, NO_SETTINGS)
    assert change_warnings(now, NO_SETTINGS, previous) == [
        "engine: now 26.2, the previous probe found 26.1: compare all settings",
        "search.supports_comma_or: found true, the previous probe found false",
    ]
    assert change_warnings(earlier, NO_SETTINGS, previous) == []


def test_engine_key_outside_a_comment_is_read() -> None:
    assert change_warnings(_with_engine(REPORT, "2"), NO_SETTINGS, 'engine = "1"')[0].startswith(
        "engine: now 2"
    )


def test_previous_report_that_is_not_toml_is_rejected() -> None:
    with pytest.raises(ValueError, match="--previous"):
        change_warnings(REPORT, NO_SETTINGS, "= broken")
