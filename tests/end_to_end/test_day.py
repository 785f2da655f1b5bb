"""Half an hour of the day that `make bench` replays as a whole: every body judged, every query billed."""

from collections.abc import Iterator

import msgspec
import pytest
from structlog.testing import capture_logs

from benchmarks.day import contenders, spelling
from benchmarks.day.asking import Answer
from benchmarks.day.contenders import Bill
from benchmarks.day.events import HOUR
from benchmarks.day.halo import STAMP
from benchmarks.day.truth import Truth, question

START, END = 8.75 * HOUR, 9.25 * HOUR


@pytest.fixture(scope="module")
def replay() -> Iterator[Bill]:
    with capture_logs():
        yield contenders.gateway(START, END)


def test_no_answer_is_older_than_its_lifetime_or_than_a_write(replay: Bill) -> None:
    assert replay.seen.wrong == []
    assert replay.seen.verdicts.total() == replay.seen.asked.total() - replay.seen.asked["write"] > 1_500
    assert replay.seen.asked["write"] >= 5


def test_the_ledger_is_the_bill(replay: Bill) -> None:
    assert replay.ledger == replay.total


def test_half_an_hour_costs_a_fraction_of_what_is_asked(replay: Bill) -> None:
    asked, paid = replay.seen.asked, replay.queries
    assert paid["directory"] < asked["directory"] / 50
    assert paid["poll"] < asked["poll"] / 2
    assert paid["write"] == asked["write"]


def test_the_judge_finds_what_a_cache_keeps_too_long() -> None:
    verdicts = contenders.nginx(START, END, longer=60).seen.verdicts
    assert verdicts["too old"] > 20
    assert verdicts["older than a write"] > 5
    assert verdicts["never so"] == 0


def test_the_judge_finds_what_the_practice_never_held() -> None:
    halo, _ = contenders.day(START, END)
    patient = question(spelling.patient("1"))
    row = {**halo.practice.tables["Patient"]["1"].resource, "birthDate": "1900-01-01"}
    answer = Answer(200, [(STAMP, b"1.5")], msgspec.json.encode(row))
    assert Truth(halo).verdict(patient, answer, 1, 2) == "never so"
