from datetime import UTC, datetime

import pytest
from probe.probing import known, observation, stamped

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

ROW = observation("2026-06-10T09:30:00+10:00", "2026-06-09T23:45:00Z")
JOINS: dict[str, Verdict] = {"repeats": "no"}
DROPS: dict[str, Verdict] = {"before": "yes", "after": "yes"}
PERIOD = {"start": "2026-06-10T23:00:00+10:00", "end": "2026-06-11T01:00:00+10:00"}


def _pairs(asked: ProbeRequest | None) -> list[str]:
    return [f"{name}={value}" for name, value in asked.pairs] if asked else []


def test_a_second_is_asked_about_on_the_clock_of_the_column() -> None:
    ask = point_conditions(second_value("lt", 1), day_value("gt"))
    here = known(Observation=[ROW])
    assert _pairs(ask(here)) == ["_id=1", "date=lt2026-06-10T09:30:01", "date=gt2026-06-10"]
    record = dated_record(here, "Observation")
    assert record
    utc = ProbeRequest(
        "Observation", record.second_conditions("date", record.candidate_seconds["date"]["utc"]), "1"
    )
    here = here.with_response("q", ProbeResponse(utc, ({"id": "1"},)))
    assert _pairs(ask(here)) == ["_id=1", "date=lt2026-06-09T23:30:01", "date=gt2026-06-09"]


def test_all_clocks_of_a_record_are_asked_at_once() -> None:
    assert _pairs(all_column_clocks("Observation")(known(JOINS, Observation=[ROW]))) == [
        "_id=1",
        "date=ge2026-06-10T09:30:00",
        "date=lt2026-06-10T09:30:01",
        "_lastUpdated=ge2026-06-10T09:45:00",
        "_lastUpdated=lt2026-06-10T09:45:01",
    ]


@pytest.mark.parametrize("answers", [DROPS | JOINS, {"repeats": "yes"}, {}])
def test_nothing_is_asked_that_could_not_be_believed(answers: dict[str, Verdict]) -> None:
    assert all_column_clocks("Observation")(known(answers, Observation=[ROW])) is None
    assert small_page("Slot")(known(answers)) is None


def test_a_period_is_asked_about_once_its_clock_is_known() -> None:
    ask = period_conditions(
        lambda _: True, period_middle_value("ge"), period_start_value("sa", -1), period_end_value("eb", 1)
    )
    here = known(Encounter=[{"id": "5", "period": PERIOD}])
    assert ask(here) is None
    record = dated_record(here, "Encounter")
    assert record
    site = ProbeRequest(
        "Encounter", record.second_conditions("date", record.candidate_seconds["date"]["site"]), "5"
    )
    here = here.with_response("q", ProbeResponse(site, ({"id": "5"},)))
    assert _pairs(ask(here)) == [
        "_id=5",
        "date=ge2026-06-11T00:00:00",
        "date=sa2026-06-10T22:59:59",
        "date=eb2026-06-11T01:00:01",
    ]


def _shown_as_held(stamp: str) -> Evidence:
    here = known(Patient=stamped(stamp))
    record = dated_record(here, "Patient")
    assert record
    asked = ProbeRequest(
        "Patient",
        record.second_conditions(LAST_UPDATED, record.candidate_seconds[LAST_UPDATED]["as-shown"]),
        "1",
    )
    return here.with_response("q", ProbeResponse(asked, ({"id": "1"},)))


def test_only_digits_that_may_be_either_clocks_are_compared_with_now() -> None:
    here = _shown_as_held("2026-06-10T10:00:00Z")
    assert here.now == datetime(2026, 7, 1, tzinfo=UTC)
    assert _pairs(values_ahead_of_utc("Patient")(here)) == ["_lastUpdated=ge2026-07-01T00:15:00", "_count=1"]
    assert values_ahead_of_utc("Patient")(known(Patient=stamped("2026-06-10T10:00:00Z"))) is None
    assert values_ahead_of_utc("Patient")(_shown_as_held("2026-07-01T09:00:00Z")) is None


def test_the_plain_page_is_fetched_only_where_the_other_gave_nothing() -> None:
    assert plain_page("Observation")(known(Observation=[ROW])) is None
    assert _pairs(plain_page("Observation")(known(Observation=[]))) == ["_count=20"]
    assert plain_page("Observation")(known()) is None
