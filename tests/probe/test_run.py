import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from probe.probing import ENOUGH, found, probed, set_to
from support.outbound import Proxy, listening

from gateway.dates.instants import corrected_instant
from gateway.dates.timezones import load_zone
from gateway.emulator.rendering import instant_in_style
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import DEFAULT_LAST_UPDATED_STYLES, Variants
from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY
from gateway.probe.clocks import PROBED_TYPES
from gateway.probe.inference import engine_version
from gateway.probe.notes import behaviour_notes
from gateway.probe.questions import QUESTIONS
from gateway.probe.report import render_report
from gateway.probe.run import DEFAULT_BUDGET, cost_announcement, run_probe
from gateway.settings import Settings, Upstream

STYLES = {
    "ok": "ok",
    "naive": "naive",
    "naive-7": "naive",
    "utc-labelled-local": "utc-labelled-local",
    "fixed-standard-offset": "fixed-standard-offset",
}


@pytest.mark.parametrize(
    ("variants", "setting", "value"),
    [
        ({"repeats": "and"}, "search.supports_repeated_parameter", True),
        ({"repeats": "first"}, "search.supports_repeated_parameter", False),
        ({"repeats": "refuse"}, "search.supports_repeated_parameter", False),
        ({"comma": "or"}, "search.supports_comma_or", True),
        ({"comma": "first"}, "search.supports_comma_or", False),
        ({"comma": "refuse"}, "search.supports_comma_or", False),
        ({"sa_eb": True}, "search.supports_sa_eb", True),
        ({"sa_eb": False}, "search.supports_sa_eb", False),
        ({"period_model": "r4"}, "search.period_semantics", "r4"),
        ({"period_model": "overlap"}, "search.period_semantics", "overlap"),
        ({"period_model": "start-only"}, "search.period_semantics", "start-only"),
        ({"period_model": "start-only", "date_model": "r4-b"}, "search.period_semantics", "start-only"),
        ({"period_model": "r4", "sa_eb": False}, "search.period_semantics", "r4"),
        ({"column_zones": {}}, "search.column_time_zones.Observation.date", "Australia/Sydney"),
        ({"column_zones": {"Observation.date": "utc"}}, "search.column_time_zones.Observation.date", "UTC"),
        ({"column_zones": {"Encounter.date": "utc"}}, "search.column_time_zones.Encounter.date", "UTC"),
        ({"column_zones": {"Encounter.date": "utc"}}, "search.period_semantics", "r4"),
        ({"column_zones": {"Appointment.date": "utc"}}, "search.column_time_zones.Appointment.date", "UTC"),
        (
            {"column_zones": {"*._lastUpdated": "utc"}},
            "search.column_time_zones.Condition._lastUpdated",
            "UTC",
        ),
        ({"repeats": "first"}, "search.column_time_zones.Observation.date", "Australia/Sydney"),
        ({"drop_date_filters": True}, "search.supports_repeated_parameter", None),
        *(
            ({"last_updated": {"Patient": style}}, "last_updated_input.Patient", mode)
            for style, mode in STYLES.items()
        ),
    ],
    ids=str,
)
def test_probing_finds_what_the_emulator_is_set_to(
    halo: RunningEmulator, variants: dict[str, Any], setting: str, value: Any
) -> None:
    set_to(halo, variants)
    assert found(probed(halo, budget=DEFAULT_BUDGET).evidence)[setting] == value


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ({"date_model": "naive-sql"}, "naive-sql"),
        ({"date_model": "naive-sql"}, "hide fractions"),
        ({"date_model": "r4-a"}, "reading A"),
        ({"date_model": "r4-b"}, "reading B"),
        ({"date_model": "r4-b", "column_zones": {"Observation.date": "utc"}}, "reading B"),
        ({"partial_dates": "first-instant"}, "first instant of their year"),
        ({"partial_dates": "first-instant", "date_model": "r4-a"}, "the whole year"),
        ({"partial_dates": "null"}, "not at all"),
        ({"unknown_parameter": "ignore"}, "an unknown parameter: ignored with a warning"),
        ({"unknown_parameter": "refuse"}, "an unknown parameter: refused"),
        ({"drop_date_filters": True}, "DATE CONDITIONS ARE IGNORED"),
        ({"drop_date_filters": True, "self_shows_dropped": True}, "DATE CONDITIONS ARE IGNORED"),
    ],
    ids=str,
)
def test_what_has_no_setting_is_said(halo: RunningEmulator, variants: dict[str, Any], words: str) -> None:
    set_to(halo, variants)
    assert words in "\n".join(behaviour_notes(probed(halo).evidence))


def test_what_was_asked_besides_is_said(halo: RunningEmulator) -> None:
    said = behaviour_notes(probed(halo, budget=DEFAULT_BUDGET).evidence)
    assert {
        "link[self] lists all repeats of a parameter",
        "_sort=-date: newest first",
        "date=ge1753-01-01: accepted",
        "onset-date:missing: accepted",
    } <= set(said)


def test_a_record_saved_just_now_shows_that_local_time_is_labelled_as_utc(halo: RunningEmulator) -> None:
    set_to(halo, {"last_updated": {"Patient": "local-labelled-utc"}})
    url = f"{halo.url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
    patient = httpx.get(url, headers=KEY, trust_env=False).json()
    assert httpx.put(url, json=patient, headers=KEY, trust_env=False).status_code == 200
    known = probed(halo).evidence
    halo.control("POST", "reset")
    assert found(known)["last_updated_input.Patient"] == "local-labelled-utc"


@pytest.mark.parametrize(
    ("variants", "mode"),
    [
        ({"last_updated": {"Encounter": "local-labelled-utc"}}, "local-labelled-utc"),
        ({"last_updated": {"Encounter": "offset"}}, "ok"),
        (
            {
                "last_updated": {"Encounter": "utc-labelled-local"},
                "column_zones": {"*._lastUpdated": "utc"},
            },
            None,
        ),
        ({"last_updated": {}, "column_zones": {"*._lastUpdated": "utc"}}, None),
    ],
)
def test_a_column_ahead_of_utc_tells_two_readings_apart(
    halo: RunningEmulator, variants: dict[str, Any], mode: str | None
) -> None:
    set_to(halo, variants)
    newest = max(_truth(halo, SYDNEY, "Encounter")) + timedelta(minutes=1)
    known = probed(halo, now=lambda: newest).evidence
    assert found(known)["last_updated_input.Encounter"] == mode


@pytest.mark.parametrize("guid", [BRISBANE, SYDNEY, PERTH])
def test_every_site_is_understood_within_the_default_budget(halo: RunningEmulator, guid: str) -> None:
    report = probed(halo, guid, DEFAULT_BUDGET)
    settled = found(report.evidence)
    expected = {
        "supports_repeated_parameter": True,
        "supports_comma_or": True,
        "supports_sa_eb": True,
        "period_semantics": "r4",
    }
    assert {name: settled[f"search.{name}"] for name in expected} == expected
    assert engine_version(report.evidence) == SITES[guid].engine_version
    assert not report.problem


@pytest.mark.parametrize("budget", [0, 1, 7, 24, 25, 200])
def test_the_budget_is_never_exceeded(halo: RunningEmulator, budget: int) -> None:
    set_to(halo, {"column_zones": {"*._lastUpdated": "utc", "Encounter.date": "utc"}})
    report = probed(halo, budget=budget)
    bill = halo.control("GET", "bill")
    assert (
        bill["queries"] + bill["free"]
        == report.requests_sent
        == len(halo.control("GET", "requests"))
        <= budget
    )
    assert bool(report.questions_left) == (budget < 60)
    assert {each["method"] for each in halo.control("GET", "requests")} <= {"GET"}


def test_the_announcement_says_how_many_at_most() -> None:
    assert f"at most {DEFAULT_BUDGET} queries" in cost_announcement()
    assert f"at most {len(QUESTIONS)} queries" in cost_announcement(10_000)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            {
                "kind": "answer",
                "status": 401,
                "body": {"statusCode": 401, "message": "invalid subscription key"},
            },
            "upstream-credentials",
        ),
        ({"kind": "rate-limit", "per_second": 0}, "rate-limited"),
        ({"kind": "no-contact"}, "practice-unreachable"),
        ({"kind": "offline"}, "practice-offline"),
        ({"kind": "login-failed"}, "practice-not-authorised"),
        ({"kind": "slow-query"}, "practice-query-timeout"),
        ({"kind": "reset"}, "upstream-reset"),
        ({"kind": "truncate"}, "upstream-"),
        ({"kind": "answer", "status": 200, "body": "<html>"}, "upstream-not-fhir"),
        (
            {
                "kind": "answer",
                "status": 200,
                "body": {"resourceType": "Bundle", "type": "searchset", "entry": [1]},
            },
            "read as FHIR",
        ),
    ],
    ids=str,
)
def test_a_failure_ends_it_with_what_was_learnt_before(
    halo: RunningEmulator, fault: dict[str, Any], words: str
) -> None:
    halo.control("POST", "faults", {**fault, "path": "gt20"})
    report = probed(halo)
    assert words in report.problem
    assert len(halo.control("GET", "requests")) == report.requests_sent == 13
    assert found(report.evidence)["search.supports_comma_or"] is True
    assert "ENDED EARLY" in render_report(report, settings_for(halo.url))


def test_an_unreachable_upstream_is_a_problem_too(unused: int) -> None:
    report = run_probe(settings_for(f"http://127.0.0.1:{unused}"), SYDNEY, KEY)
    assert "upstream-connect" in report.problem
    assert report.requests_sent == 1


def test_a_probe_goes_through_the_proxy_of_the_settings(halo: RunningEmulator) -> None:
    plain, proxy = settings_for(halo.url), Proxy()
    with listening(proxy) as port:
        upstream = Upstream.model_validate({"url": halo.url, "proxy": f"http://127.0.0.1:{port}"})
        report = run_probe(plain.model_copy(update={"upstream": upstream}), SYDNEY, KEY, budget=1)
    assert (report.problem, report.requests_sent) == ("", 1)
    assert proxy.heads[0].startswith(f"GET {halo.url}/".encode())


def test_a_site_without_a_time_zone_is_not_probed() -> None:
    with pytest.raises(ValueError, match="time_zone must be set"):
        run_probe(Settings(), SYDNEY, KEY)


def test_another_base_may_be_asked(halo: RunningEmulator) -> None:
    base = f"{halo.url}/api/sites/{SYDNEY}/fhir/R4/"
    report = probed(halo, base=base, budget=2)
    assert engine_version(report.evidence)
    assert all(str(each["path"]).startswith("/api/") for each in halo.control("GET", "requests"))


def test_no_value_leaks(halo: RunningEmulator) -> None:
    report = probed(halo)
    text = render_report(report, settings_for(halo.url))
    rows = [
        row
        for page in report.evidence.responses.values()
        for row in page.resources
        if page.request.path != "metadata"
    ]
    values = {value for row in rows for value in _leaves(row) if re.search(r"\d", value) and len(value) > 3}
    assert len(values) > 200
    assert [value for value in values if value in text] == []
    assert "Zzyzx" not in text
    assert KEY["Ocp-Apim-Subscription-Key"] not in text


def _choices(name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(Variants.model_fields[name].annotation.__args__)  # type: ignore[union-attr]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    site=st.sampled_from([BRISBANE, SYDNEY, PERTH]),
    budget=st.integers(5, ENOUGH),
    variants=st.fixed_dictionaries(
        {
            "date_model": _choices("date_model"),
            "repeats": _choices("repeats"),
            "comma": _choices("comma"),
            "sa_eb": st.booleans(),
            "period_model": _choices("period_model"),
            "partial_dates": _choices("partial_dates"),
            "unknown_parameter": _choices("unknown_parameter"),
            "drop_date_filters": st.integers(0, 9).map(lambda number: number == 0),
            "column_zones": st.dictionaries(
                st.sampled_from(["Observation.date", "Encounter.date", "Appointment.date", "*._lastUpdated"]),
                st.sampled_from(["site", "utc"]),
            ),
            "last_updated": st.dictionaries(
                st.sampled_from(PROBED_TYPES[:6]), st.sampled_from([*STYLES, "offset", "local-labelled-utc"])
            ),
        }
    ),
)
def test_nothing_is_concluded_that_is_not_so(
    halo: RunningEmulator, site: str, budget: int, variants: dict[str, Any]
) -> None:
    set_to(halo, variants)
    report = probed(halo, site, budget)
    assert halo.control("GET", "bill")["queries"] <= budget
    halo.control("DELETE", "bill")
    settled = {name: value for name, value in found(report.evidence).items() if value is not None}
    truth = {
        "search.supports_repeated_parameter": variants["repeats"] == "and",
        "search.supports_comma_or": variants["comma"] == "or",
        "search.supports_sa_eb": variants["sa_eb"],
        "search.period_semantics": variants["period_model"],
    }
    assert {name: settled.get(name, value) for name, value in truth.items()} == truth
    for name, clock in settled.items():
        if name.startswith("search.column_time_zones.") and not name.endswith("_lastUpdated"):
            wanted = variants["column_zones"].get(name.removeprefix("search.column_time_zones."), "site")
            assert clock == {"site": SITES[site].zone_name, "utc": "UTC"}[wanted], name
    _check_stamps(halo, site, DEFAULT_LAST_UPDATED_STYLES | variants["last_updated"], settled)


def _check_stamps(halo: RunningEmulator, site: str, styles: dict[str, Any], settled: dict[str, Any]) -> None:
    """Every mode found turns what is shown into the instants that are true."""
    here = load_zone(SITES[site].zone_name)
    modes = {kind: settled.get(f"last_updated_input.{kind}") for kind in PROBED_TYPES}
    for kind, mode in modes.items():
        for moment in _truth(halo, site, kind) if mode else ():
            text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            shown = instant_in_style(text, styles.get(kind, "ok"), here)
            assert (corrected_instant(shown, mode, here) or "")[:19] == text[:19], (kind, mode)


def _truth(halo: RunningEmulator, site: str, kind: str) -> list[datetime]:
    rows = halo.control("GET", f"truth/{site}/{kind}")
    stamps = [row["resource"]["meta"]["lastUpdated"] for row in rows]
    return [datetime.fromisoformat(stamp).astimezone(UTC).replace(microsecond=0) for stamp in stamps]


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _leaves(each)
    elif isinstance(node, str):
        yield node
