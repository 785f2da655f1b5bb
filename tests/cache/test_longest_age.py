"""Longest age of a stored response."""

import pytest

from gateway.apps.app import App
from gateway.cache.freshness import Freshness
from gateway.cache.longest_age import longest_age


@pytest.mark.parametrize(
    ("freshness", "seconds"),
    [
        (Freshness("off"), 0),
        (Freshness(), 3_600),
        (Freshness(lifetimes={"Appointment": 1}), 3_600),
        (Freshness(stale_if_error={"Organization": 86_400}), 3_600 + 86_400),
    ],
)
def test_longest_age_includes_lifetime_and_stale_time(freshness: Freshness, seconds: int) -> None:
    assert longest_age(freshness) == seconds


def test_age_that_an_app_accepts_counts() -> None:
    short = Freshness(lifetimes={"*": 5})
    assert longest_age(short) == 5
    assert longest_age(short, [App("wall", "display", {"Appointment": 20}, False)]) == 30
