"""Order and selection of practices."""

from typing import Any

import pytest
from support.site_json import PAUSE, SINCE, site_json

from gateway.admin.dashboard.practice_states import (
    dates_text,
    page_count,
    page_number,
    practice_state,
    problems_first,
    with_problem,
)

FAILED = {"lastFailureAt": SINCE, "reason": "practice-offline", "failures": 1}
#: States from the worst to the best.
STATES: list[tuple[dict[str, Any], str, str, str | None]] = [
    (FAILED | {"state": "open"}, "circuit open", "practice-offline", SINCE),
    ({"pauses": [PAUSE]}, "paused", "upstream-quota", SINCE),
    (FAILED | {"state": "half-open"}, "next request is a trial", "practice-offline", SINCE),
    ({"datesVerifiedBy": None}, "no time zone", "requests are refused", None),
    (FAILED, "failing", "practice-offline", SINCE),
    ({"waiting": 1}, "requests wait", "", None),
    ({}, "serving", "", None),
]


@pytest.mark.parametrize(("members", "text", "reason", "since"), STATES)
def test_state_has_reason_and_time(
    members: dict[str, Any], text: str, reason: str, since: str | None
) -> None:
    state = practice_state(site_json(**members))
    assert (state.text, state.reason, state.since) == (text, reason, since)


def test_full_json_of_a_site_has_the_same_states() -> None:
    site = site_json(dates=None)
    del site["datesVerifiedBy"]
    assert practice_state(site).text == "no time zone"
    assert practice_state(site | {"dates": {}}).text == "serving"


def test_problems_come_first_then_names() -> None:
    sites = [site_json(f"{10 - rank}", **members) for rank, (members, *_) in enumerate(STATES)]
    assert problems_first([*reversed(sites), site_json("A"), site_json("b")]) == [
        *sites[:-1],
        *[site_json("4"), site_json("A"), site_json("b")],
    ]
    assert with_problem(reversed(sites)) == sites[:-1]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1", 1),
        ("3", 3),
        ("999999", 999_999),
        ("1000000", 1),
        ("0", 1),
        ("-1", 1),
        ("x", 1),
        ("", 1),
        ("²", 1),
        ("9" * 5_000, 1),
    ],
)
def test_number_of_a_page_is_at_least_one(number: str, expected: int) -> None:
    assert page_number(number) == expected


@pytest.mark.parametrize(("found", "count"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3)])
def test_list_has_a_page_for_each_hundred(found: int, count: int) -> None:
    assert page_count(found) == count


def test_dates_are_known_by_their_proof() -> None:
    assert [dates_text(site_json(datesVerifiedBy=proof)) for proof in ("probe", None)] == ["probe", "-"]
