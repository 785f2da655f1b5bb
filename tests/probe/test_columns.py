"""Findings about clocks of date columns and labels of `meta.lastUpdated`."""

from typing import Any

import pytest
from probe.probing import evidence_with, patients_updated_at

from gateway.probe.clocks import Reading, dated_record
from gateway.probe.columns import column_findings
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse
from gateway.probe.last_updated_labels import LAST_UPDATED

SUMMER, WINTER = "2026-01-10T10:00:00", "2026-06-10T10:00:00"


def _with_confirmed_reading(evidence: Evidence, reading: Reading) -> Evidence:
    record = dated_record(evidence, "Patient")
    assert record
    pairs = record.second_conditions(LAST_UPDATED, record.candidate_seconds[LAST_UPDATED][reading])
    return evidence.with_response(
        "q", ProbeResponse(ProbeRequest("Patient", pairs, record.id), ({"id": record.id},))
    )


def _values(evidence: Evidence) -> dict[str, Any]:
    findings = column_findings(evidence)
    return {f"{finding.section}.{finding.key}": finding.value for finding in findings}


SITE_CLOCK = "Australia/Sydney"


@pytest.mark.parametrize(
    ("instants", "reading", "mode", "column"),
    [
        ([SUMMER], "as-shown", "naive", SITE_CLOCK),
        ([SUMMER], "to-utc", "naive", "UTC"),
        ([SUMMER], "to-site", "utc-labelled-local", SITE_CLOCK),
        ([f"{SUMMER}Z"], "to-site", "ok", SITE_CLOCK),
        ([f"{SUMMER}Z"], "as-shown", None, "UTC"),
        ([f"{SUMMER}Z"], "to-utc", "local-labelled-utc", "UTC"),
        ([f"{SUMMER}Z", "2026-07-01T09:00:00Z"], "as-shown", "local-labelled-utc", SITE_CLOCK),
        ([f"{SUMMER}+11:00"], "as-shown", None, SITE_CLOCK),
        ([f"{SUMMER}+11:00", "2026-07-01T09:30:00+10:00"], "as-shown", "ok", SITE_CLOCK),
        ([f"{SUMMER}+11:00", f"{SUMMER}+10:00"], "to-utc", "ok", "UTC"),
        ([f"{SUMMER}+11:00"], "to-utc", "ok", "UTC"),
        ([f"{WINTER}+10:00"], "as-shown", None, SITE_CLOCK),
        ([f"{WINTER}+10:00", f"{SUMMER}+10:00"], "as-shown", "fixed-standard-offset", SITE_CLOCK),
        ([f"{SUMMER}+11:00", f"{SUMMER}Z"], "as-shown", None, None),
    ],
)
def test_label_and_reading_give_mode_and_clock(
    instants: list[str], reading: Reading, mode: str | None, column: str | None
) -> None:
    values = _values(_with_confirmed_reading(evidence_with(Patient=patients_updated_at(*instants)), reading))
    assert values["last_updated_input.Patient"] == mode
    assert values.get("search.column_time_zones.Patient._lastUpdated") == column


def test_future_last_updated_proves_a_wrong_label() -> None:
    evidence = evidence_with(Patient=patients_updated_at("2026-07-01T09:00:00Z"))
    assert _values(evidence) == {"last_updated_input.Patient": "local-labelled-utc"}


def test_mode_without_a_response_is_unknown() -> None:
    assert _values(evidence_with(Patient=patients_updated_at(SUMMER))) == {"last_updated_input.Patient": None}
    assert _values(evidence_with(Patient=[{"id": "1"}])) == {}
