"""Edit distance of two words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.spelling import edit_distance

WORDS = st.text("abc_", max_size=8)


@pytest.mark.parametrize(
    ("word", "other", "expected"),
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
def test_distance_is_the_number_of_typing_errors(word: str, other: str, expected: int) -> None:
    assert edit_distance(word, other) == expected


@given(WORDS, WORDS)
def test_distance_is_symmetric(word: str, other: str) -> None:
    assert edit_distance(word, other) == edit_distance(other, word)
    assert (edit_distance(word, other) == 0) is (word == other)
    assert abs(len(word) - len(other)) <= edit_distance(word, other) <= max(len(word), len(other))
