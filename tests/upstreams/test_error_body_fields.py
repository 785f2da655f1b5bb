"""Text, code and number fields of an error body."""

from typing import Any

import pytest

from gateway.upstreams.error_body import code_field, int_field, text_field


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\n\tb \x00c", "a b c"), (None, ""), (7, ""), ("x" * 5_000, "x" * 1_000), ("\ud800y", "y")],
)
def test_text_is_one_printable_line(value: Any, text: str) -> None:
    assert text_field(value) == text


@pytest.mark.parametrize(
    ("value", "code"),
    [(7, "7"), (-2, "-2"), ("E-1", "E-1"), (True, ""), ("a b", ""), ("x" * 99, ""), (1.5, "")],
)
def test_codes_are_short_and_without_spaces(value: Any, code: str) -> None:
    assert code_field(value) == code


@pytest.mark.parametrize(
    ("value", "number"), [(400, 400), ("400", 400), (10**30, 0), ("x", 0), (-1, 0), ("²", 0)]
)
def test_numbers_are_small(value: Any, number: int) -> None:
    assert int_field(value) == number
