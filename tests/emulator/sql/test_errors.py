"""Numbers and texts of errors."""

import string

import pytest

from gateway.emulator.sql import errors
from gateway.emulator.sql.errors import NotInterpreted, ParameterConversionError, SqlServerError, sql_error


@pytest.mark.parametrize("number", errors._TEXTS)
def test_text_of_an_error_has_its_details(number: int) -> None:
    details = [
        f"detail{place}"
        for place, part in enumerate(string.Formatter().parse(errors._TEXTS[number]))
        if part[1] is not None
    ]
    error = sql_error(number, *details)
    assert error.number == number
    assert all(detail in error.message for detail in details)


def test_error_of_the_known_issue_has_the_text_of_halo() -> None:
    error = ParameterConversionError("Byte[]", "Invalid cast from 'System.String' to 'System.Byte[]'.")
    assert error.message == (
        "Failed to convert parameter value from a String to a Byte[]. --> "
        "Invalid cast from 'System.String' to 'System.Byte[]'."
    )


def test_error_of_the_emulator_says_so() -> None:
    error = NotInterpreted("IF")
    assert isinstance(error, SqlServerError)
    assert (error.number, error.message) == (
        102,
        "Incorrect syntax near 'IF'. The emulator does not execute this; SQL Server may.",
    )
