from datetime import UTC, datetime

import pytest
from probe.probing import known, observation, stamped

from gateway.probe.clocks import dated
from gateway.probe.evidence import Asked, Known, Page, Verdict
from gateway.probe.last_updated_labels import STAMP
from gateway.probe.question_builders import (
    ahead,
    at,
    clocks,
    day,
    end,
    further,
    middle,
    on_period,
    on_point,
    plain,
    start,
)

ROW = observation("2026-06-10T09:30:00+10:00", "2026-06-09T23:45:00Z")
JOINS: dict[str, Verdict] = {"repeats": "no"}
DROPS: dict[str, Verdict] = {"before": "yes", "after": "yes"}
PERIOD = {"start": "2026-06-10T23:00:00+10:00", "end": "2026-06-11T01:00:00+10:00"}


def _pairs(asked: Asked | None) -> list[str]:
    return [f"{name}={value}" for name, value in asked.pairs] if asked else []


def test_a_second_is_asked_about_on_the_clock_of_the_column() -> None:
    ask = on_point(at("lt", 1), day("gt"))
    here = known(Observation=[ROW])
    assert _pairs(ask(here)) == ["_id=1", "date=lt2026-06-10T09:30:01", "date=gt2026-06-10"]
    record = dated(here, "Observation")
    assert record
    utc = Asked("Observation", record.second("date", record.values["date"]["utc"]), "1")
    here = here.told("q", Page(utc, ({"id": "1"},)))
    assert _pairs(ask(here)) == ["_id=1", "date=lt2026-06-09T23:30:01", "date=gt2026-06-09"]


def test_all_clocks_of_a_record_are_asked_at_once() -> None:
    assert _pairs(clocks("Observation")(known(JOINS, Observation=[ROW]))) == [
        "_id=1",
        "date=ge2026-06-10T09:30:00",
        "date=lt2026-06-10T09:30:01",
        "_lastUpdated=ge2026-06-10T09:45:00",
        "_lastUpdated=lt2026-06-10T09:45:01",
    ]


@pytest.mark.parametrize("answers", [DROPS | JOINS, {"repeats": "yes"}, {}])
def test_nothing_is_asked_that_could_not_be_believed(answers: dict[str, Verdict]) -> None:
    assert clocks("Observation")(known(answers, Observation=[ROW])) is None
    assert further("Slot")(known(answers)) is None


def test_a_period_is_asked_about_once_its_clock_is_known() -> None:
    ask = on_period(lambda _: True, middle("ge"), start("sa", -1), end("eb", 1))
    here = known(Encounter=[{"id": "5", "period": PERIOD}])
    assert ask(here) is None
    record = dated(here, "Encounter")
    assert record
    site = Asked("Encounter", record.second("date", record.values["date"]["site"]), "5")
    here = here.told("q", Page(site, ({"id": "5"},)))
    assert _pairs(ask(here)) == [
        "_id=5",
        "date=ge2026-06-11T00:00:00",
        "date=sa2026-06-10T22:59:59",
        "date=eb2026-06-11T01:00:01",
    ]


def _shown_as_held(stamp: str) -> Known:
    here = known(Patient=stamped(stamp))
    record = dated(here, "Patient")
    assert record
    asked = Asked("Patient", record.second(STAMP, record.values[STAMP]["as-shown"]), "1")
    return here.told("q", Page(asked, ({"id": "1"},)))


def test_only_digits_that_may_be_either_clocks_are_compared_with_now() -> None:
    here = _shown_as_held("2026-06-10T10:00:00Z")
    assert here.now == datetime(2026, 7, 1, tzinfo=UTC)
    assert _pairs(ahead("Patient")(here)) == ["_lastUpdated=ge2026-07-01T00:15:00", "_count=1"]
    assert ahead("Patient")(known(Patient=stamped("2026-06-10T10:00:00Z"))) is None
    assert ahead("Patient")(_shown_as_held("2026-07-01T09:00:00Z")) is None


def test_the_plain_page_is_fetched_only_where_the_other_gave_nothing() -> None:
    assert plain("Observation")(known(Observation=[ROW])) is None
    assert _pairs(plain("Observation")(known(Observation=[]))) == ["_count=20"]
    assert plain("Observation")(known()) is None
