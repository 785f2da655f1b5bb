"""How far two words are from each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.spelling import edit_distance

WORDS = st.text("abc_", max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", 0),
        ("level", "Level", 0),
        ("level", "leevl", 1),
        ("url", "ulr", 1),
        ("id", "di", 1),
        ("path", "ptah", 1),
        ("read", "reed", 1),
        ("keys", "key", 1),
        ("key", "keys", 1),
        ("log", "lgoo", 2),
        ("sites", "", 5),
        ("ca", "abc", 3),
        ("x" * 41, "x" * 41, 41),
        ("x" * 100_000, "y", 100_000),
    ],
)
def test_distance_is_the_number_of_slips(one: str, other: str, expected: int) -> None:
    assert edit_distance(one, other) == expected


@given(WORDS, WORDS)
def test_distance_is_the_same_both_ways(one: str, other: str) -> None:
    assert edit_distance(one, other) == edit_distance(other, one)
    assert (edit_distance(one, other) == 0) is (one == other)
    assert abs(len(one) - len(other)) <= edit_distance(one, other) <= max(len(one), len(other))
