"""Half an hour of the day of `make bench`: every body is checked and every query is billed."""

from collections.abc import Iterator

import msgspec
import pytest
from structlog.testing import capture_logs

from benchmarks.day import app_requests, contenders
from benchmarks.day.asgi_client import Response
from benchmarks.day.contenders import Bill
from benchmarks.day.events import HOUR
from benchmarks.day.halo import STAMP
from benchmarks.day.truth import Oracle, parse_request

START, END = 8.75 * HOUR, 9.25 * HOUR


@pytest.fixture(scope="module")
def replay() -> Iterator[Bill]:
    with capture_logs():
        yield contenders.gateway(START, END)


def test_no_response_is_older_than_its_lifetime_or_a_write(replay: Bill) -> None:
    assert replay.observations.wrong_bodies == []
    assert (
        replay.observations.verdicts.total()
        == replay.observations.requests.total() - replay.observations.requests["write"]
        > 1_500
    )
    assert replay.observations.requests["write"] >= 5


@pytest.fixture(scope="module")
def display_replay() -> Iterator[Bill]:
    with capture_logs():
        yield contenders.display(START, END)


def test_each_app_gets_data_within_its_own_age(display_replay: Bill) -> None:
    observations = display_replay.observations
    assert observations.wrong_bodies == []
    assert observations.requests["write"] >= 5
    oldest = observations.oldest_polls
    assert oldest["check-in"] <= 5
    assert {20 < oldest[app] <= 30 for app in contenders.DISPLAY_APPS} == {True}


def test_screens_for_display_need_a_third_of_the_polls(replay: Bill, display_replay: Bill) -> None:
    assert display_replay.queries["poll"] < replay.queries["poll"] / 3
    assert display_replay.queries["slots"] == replay.queries["slots"]
    assert display_replay.ledger == display_replay.total


def test_judge_holds_a_booking_app_to_five_seconds(display_replay: Bill) -> None:
    halo, _ = contenders.prepare_day(START, END)
    oracle = Oracle(halo, display_apps=contenders.DISPLAY_APPS)
    request = parse_request(app_requests.TODAYS_APPOINTMENTS["board"])
    assert [oracle.lifetime(request, app) for app in ("board", "check-in", "")] == [30, 5, 5]
    assert display_replay.observations.verdicts.total() > 1_500


def test_few_queries_are_above_the_floor(replay: Bill, display_replay: Bill) -> None:
    for bill, floor in zip((replay, display_replay), contenders.floors(START, END), strict=True):
        assert floor.total() <= bill.total[0] <= floor.total() + 15


def test_ledger_equals_bill(replay: Bill) -> None:
    assert replay.ledger == replay.total


def test_queries_are_a_fraction_of_the_requests(replay: Bill) -> None:
    requests, queries = replay.observations.requests, replay.queries
    assert queries["directory"] < requests["directory"] / 50
    assert queries["poll"] < requests["poll"] / 2
    assert queries["write"] == requests["write"]


def test_oracle_detects_responses_cached_too_long() -> None:
    verdicts = contenders.nginx(START, END, extra_seconds=60).observations.verdicts
    assert verdicts["too old"] > 20
    assert verdicts["older than a write"] > 5
    assert verdicts["never existed"] == 0


def test_oracle_detects_data_that_never_existed() -> None:
    halo, _ = contenders.prepare_day(START, END)
    request = parse_request(app_requests.read_patient("1"))
    row = {**halo.practice.tables["Patient"]["1"].resource, "birthDate": "1900-01-01"}
    response = Response(200, [(STAMP, b"1.5")], msgspec.json.encode(row))
    assert Oracle(halo).verdict(request, response, 1, 2) == "never existed"
