"""UTF-16 units of supplementary characters and lone surrogates."""

import pytest

from gateway.emulator.sql.utf16 import from_bytes, join_surrogates, split_surrogates, to_bytes


@pytest.mark.parametrize(
    ("text", "units"),
    [("", ""), ("aé", "aé"), ("😀", "\ud83d\ude00"), ("\U0010ffff", "\udbff\udfff"), ("\ud83d", "\ud83d")],
)
def test_text_is_split_into_units_and_joined(text: str, units: str) -> None:
    assert split_surrogates(text) == units
    assert join_surrogates(units) == text
    assert from_bytes(to_bytes(units)) == units


def test_surrogates_that_meet_become_one_character() -> None:
    assert join_surrogates("\ud83d" + "\ude00") == "😀"


def test_odd_byte_is_completed() -> None:
    assert from_bytes(b"a\0b") == "ab"
