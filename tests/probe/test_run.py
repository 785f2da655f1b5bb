"""Probes of the emulator."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from probe.probing import ENOUGH, probe_emulator, set_variants, setting_values
from support.outbound import Proxy, run_server

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
def test_probe_finds_the_variants_of_the_emulator(
    emulator: RunningEmulator, variants: dict[str, Any], setting: str, value: Any
) -> None:
    set_variants(emulator, variants)
    assert setting_values(probe_emulator(emulator, budget=DEFAULT_BUDGET).evidence)[setting] == value


@pytest.mark.parametrize(
    ("variants", "text"),
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
def test_behaviour_without_a_setting_is_noted(
    emulator: RunningEmulator, variants: dict[str, Any], text: str
) -> None:
    set_variants(emulator, variants)
    assert text in "\n".join(behaviour_notes(probe_emulator(emulator).evidence))


def test_features_of_sample_requests_are_noted(emulator: RunningEmulator) -> None:
    notes = behaviour_notes(probe_emulator(emulator, budget=DEFAULT_BUDGET).evidence)
    assert {
        "link[self] lists all repeats of a parameter",
        "_sort=-date: newest first",
        "date=ge1753-01-01: accepted",
        "onset-date:missing: accepted",
    } <= set(notes)


def test_recent_record_shows_local_time_labelled_as_utc(emulator: RunningEmulator) -> None:
    set_variants(emulator, {"last_updated": {"Patient": "local-labelled-utc"}})
    url = f"{emulator.url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
    patient = httpx.get(url, headers=KEY, trust_env=False).json()
    assert httpx.put(url, json=patient, headers=KEY, trust_env=False).status_code == 200
    evidence = probe_emulator(emulator).evidence
    emulator.control("POST", "reset")
    assert setting_values(evidence)["last_updated_input.Patient"] == "local-labelled-utc"


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
def test_column_ahead_of_utc_decides_the_reading(
    emulator: RunningEmulator, variants: dict[str, Any], mode: str | None
) -> None:
    set_variants(emulator, variants)
    newest = max(_true_last_updated(emulator, SYDNEY, "Encounter")) + timedelta(minutes=1)
    evidence = probe_emulator(emulator, now=lambda: newest).evidence
    assert setting_values(evidence)["last_updated_input.Encounter"] == mode


@pytest.mark.parametrize("guid", [BRISBANE, SYDNEY, PERTH])
def test_default_budget_is_enough_for_every_site(emulator: RunningEmulator, guid: str) -> None:
    report = probe_emulator(emulator, guid, DEFAULT_BUDGET)
    values = setting_values(report.evidence)
    expected = {
        "supports_repeated_parameter": True,
        "supports_comma_or": True,
        "supports_sa_eb": True,
        "period_semantics": "r4",
    }
    assert {name: values[f"search.{name}"] for name in expected} == expected
    assert engine_version(report.evidence) == SITES[guid].engine_version
    assert not report.problem


@pytest.mark.parametrize("budget", [0, 1, 7, 24, 25, 200])
def test_budget_is_never_exceeded(emulator: RunningEmulator, budget: int) -> None:
    set_variants(emulator, {"column_zones": {"*._lastUpdated": "utc", "Encounter.date": "utc"}})
    report = probe_emulator(emulator, budget=budget)
    bill = emulator.control("GET", "bill")
    assert (
        bill["queries"] + bill["free"]
        == report.requests_sent
        == len(emulator.control("GET", "requests"))
        <= budget
    )
    assert bool(report.questions_left) == (budget < 60)
    assert {request["method"] for request in emulator.control("GET", "requests")} <= {"GET"}


def test_announcement_contains_the_maximum() -> None:
    assert f"at most {DEFAULT_BUDGET} queries" in cost_announcement()
    assert f"at most {len(QUESTIONS)} queries" in cost_announcement(10_000)


@pytest.mark.parametrize(
    ("fault", "text"),
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
            "not valid FHIR",
        ),
    ],
    ids=str,
)
def test_failure_ends_the_probe_and_keeps_earlier_evidence(
    emulator: RunningEmulator, fault: dict[str, Any], text: str
) -> None:
    emulator.control("POST", "faults", {**fault, "path": "gt20"})
    report = probe_emulator(emulator)
    assert text in report.problem
    assert len(emulator.control("GET", "requests")) == report.requests_sent == 13
    assert setting_values(report.evidence)["search.supports_comma_or"] is True
    assert "ENDED EARLY" in render_report(report, settings_for(emulator.url))


def test_unreachable_upstream_is_a_problem(unused_port: int) -> None:
    report = run_probe(settings_for(f"http://127.0.0.1:{unused_port}"), SYDNEY, KEY)
    assert "upstream-refused" in report.problem
    assert report.requests_sent == 1


def test_probe_uses_the_configured_proxy(emulator: RunningEmulator) -> None:
    plain, proxy = settings_for(emulator.url), Proxy()
    with run_server(proxy) as port:
        upstream = Upstream.model_validate({"url": emulator.url, "proxy": f"http://127.0.0.1:{port}"})
        report = run_probe(plain.model_copy(update={"upstream": upstream}), SYDNEY, KEY, budget=1)
    assert (report.problem, report.requests_sent) == ("", 1)
    assert proxy.heads[0].startswith(f"GET {emulator.url}/".encode())


def test_site_without_a_time_zone_is_rejected() -> None:
    with pytest.raises(ValueError, match="time_zone must be set"):
        run_probe(Settings(), SYDNEY, KEY)


def test_other_base_is_used(emulator: RunningEmulator) -> None:
    base = f"{emulator.url}/api/sites/{SYDNEY}/fhir/R4/"
    report = probe_emulator(emulator, base=base, budget=2)
    assert engine_version(report.evidence)
    assert all(str(request["path"]).startswith("/api/") for request in emulator.control("GET", "requests"))


def test_report_contains_no_values(emulator: RunningEmulator) -> None:
    report = probe_emulator(emulator)
    text = render_report(report, settings_for(emulator.url))
    strings = {
        text
        for response in report.evidence.responses.values()
        if response.request.path != "metadata"
        for resource in response.resources
        for text in _strings(resource)
    }
    values = {value for value in strings if re.search(r"\d", value) and len(value) > 3}
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
def test_every_finding_is_true(
    emulator: RunningEmulator, site: str, budget: int, variants: dict[str, Any]
) -> None:
    set_variants(emulator, variants)
    report = probe_emulator(emulator, site, budget)
    assert emulator.control("GET", "bill")["queries"] <= budget
    emulator.control("DELETE", "bill")
    values = {name: value for name, value in setting_values(report.evidence).items() if value is not None}
    truth = {
        "search.supports_repeated_parameter": variants["repeats"] == "and",
        "search.supports_comma_or": variants["comma"] == "or",
        "search.supports_sa_eb": variants["sa_eb"],
        "search.period_semantics": variants["period_model"],
    }
    assert {name: values.get(name, value) for name, value in truth.items()} == truth
    for name, clock in values.items():
        if name.startswith("search.column_time_zones.") and not name.endswith("_lastUpdated"):
            expected = variants["column_zones"].get(name.removeprefix("search.column_time_zones."), "site")
            assert clock == {"site": SITES[site].zone_name, "utc": "UTC"}[expected], name
    _check_last_updated(emulator, site, DEFAULT_LAST_UPDATED_STYLES | variants["last_updated"], values)


def _check_last_updated(
    emulator: RunningEmulator, site: str, styles: dict[str, Any], values: dict[str, Any]
) -> None:
    """Every label mode that the probe found corrects the values shown to the true instants."""
    zone = load_zone(SITES[site].zone_name)
    modes = {
        resource_type: values.get(f"last_updated_input.{resource_type}") for resource_type in PROBED_TYPES
    }
    for resource_type, mode in modes.items():
        for moment in _true_last_updated(emulator, site, resource_type) if mode else ():
            text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            labelled = instant_in_style(text, styles.get(resource_type, "ok"), zone)
            assert (corrected_instant(labelled, mode, zone) or "")[:19] == text[:19], (resource_type, mode)


def _true_last_updated(emulator: RunningEmulator, site: str, resource_type: str) -> list[datetime]:
    records = emulator.control("GET", f"truth/{site}/{resource_type}")
    instants = [datetime.fromisoformat(record["resource"]["meta"]["lastUpdated"]) for record in records]
    return [instant.astimezone(UTC).replace(microsecond=0) for instant in instants]


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _strings(child)
    elif isinstance(node, str):
        yield node
