"""Builders of requests."""

from datetime import UTC, datetime

import pytest
from probe.probing import evidence_with, observation, patients_updated_at

from gateway.probe.clocks import dated_record
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse, Verdict
from gateway.probe.last_updated_labels import LAST_UPDATED
from gateway.probe.question_builders import (
    all_column_clocks,
    day_value,
    period_conditions,
    period_end_value,
    period_middle_value,
    period_start_value,
    plain_page,
    point_conditions,
    second_value,
    small_page,
    values_ahead_of_utc,
)

OBSERVATION = observation("2026-06-10T09:30:00+10:00", "2026-06-09T23:45:00Z")
REPEATS_SUPPORTED: dict[str, Verdict] = {"repeats": "no"}
DATES_IGNORED: dict[str, Verdict] = {"before": "yes", "after": "yes"}
PERIOD = {"start": "2026-06-10T23:00:00+10:00", "end": "2026-06-11T01:00:00+10:00"}


def _pairs(request: ProbeRequest | None) -> list[str]:
    return [f"{name}={value}" for name, value in request.pairs] if request else []


def test_second_is_on_the_clock_of_the_column() -> None:
    build_request = point_conditions(second_value("lt", 1), day_value("gt"))
    evidence = evidence_with(Observation=[OBSERVATION])
    assert _pairs(build_request(evidence)) == ["_id=1", "date=lt2026-06-10T09:30:01", "date=gt2026-06-10"]
    record = dated_record(evidence, "Observation")
    assert record
    utc = ProbeRequest(
        "Observation", record.second_conditions("date", record.candidate_seconds["date"]["utc"]), "1"
    )
    evidence = evidence.with_response("q", ProbeResponse(utc, ({"id": "1"},)))
    assert _pairs(build_request(evidence)) == ["_id=1", "date=lt2026-06-09T23:30:01", "date=gt2026-06-09"]


def test_all_clocks_of_a_record_share_a_request() -> None:
    assert _pairs(
        all_column_clocks("Observation")(evidence_with(REPEATS_SUPPORTED, Observation=[OBSERVATION]))
    ) == [
        "_id=1",
        "date=ge2026-06-10T09:30:00",
        "date=lt2026-06-10T09:30:01",
        "_lastUpdated=ge2026-06-10T09:45:00",
        "_lastUpdated=lt2026-06-10T09:45:01",
    ]


@pytest.mark.parametrize("verdicts", [DATES_IGNORED | REPEATS_SUPPORTED, {"repeats": "yes"}, {}])
def test_inconclusive_request_is_not_built(verdicts: dict[str, Verdict]) -> None:
    assert all_column_clocks("Observation")(evidence_with(verdicts, Observation=[OBSERVATION])) is None
    assert small_page("Slot")(evidence_with(verdicts)) is None


def test_period_request_needs_its_clock() -> None:
    build_request = period_conditions(
        lambda _: True, period_middle_value("ge"), period_start_value("sa", -1), period_end_value("eb", 1)
    )
    evidence = evidence_with(Encounter=[{"id": "5", "period": PERIOD}])
    assert build_request(evidence) is None
    record = dated_record(evidence, "Encounter")
    assert record
    site = ProbeRequest(
        "Encounter", record.second_conditions("date", record.candidate_seconds["date"]["site"]), "5"
    )
    evidence = evidence.with_response("q", ProbeResponse(site, ({"id": "5"},)))
    assert _pairs(build_request(evidence)) == [
        "_id=5",
        "date=ge2026-06-11T00:00:00",
        "date=sa2026-06-10T22:59:59",
        "date=eb2026-06-11T01:00:01",
    ]


def _evidence_of_digits_as_shown(instant: str) -> Evidence:
    evidence = evidence_with(Patient=patients_updated_at(instant))
    record = dated_record(evidence, "Patient")
    assert record
    pairs = record.second_conditions(LAST_UPDATED, record.candidate_seconds[LAST_UPDATED]["as-shown"])
    return evidence.with_response("q", ProbeResponse(ProbeRequest("Patient", pairs, "1"), ({"id": "1"},)))


def test_only_undecided_digits_are_compared_with_now() -> None:
    build_request = values_ahead_of_utc("Patient")
    evidence = _evidence_of_digits_as_shown("2026-06-10T10:00:00Z")
    assert evidence.now == datetime(2026, 7, 1, tzinfo=UTC)
    assert _pairs(build_request(evidence)) == ["_lastUpdated=ge2026-07-01T00:15:00", "_count=1"]
    assert build_request(evidence_with(Patient=patients_updated_at("2026-06-10T10:00:00Z"))) is None
    assert build_request(_evidence_of_digits_as_shown("2026-07-01T09:00:00Z")) is None


def test_plain_page_is_fetched_after_an_empty_sample() -> None:
    assert plain_page("Observation")(evidence_with(Observation=[OBSERVATION])) is None
    assert _pairs(plain_page("Observation")(evidence_with(Observation=[]))) == ["_count=20"]
    assert plain_page("Observation")(evidence_with()) is None
