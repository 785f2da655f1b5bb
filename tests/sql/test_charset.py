"""A body is UTF-8 unless its Content-Type may say otherwise."""

import pytest

from gateway.sql.charset import is_utf8


@pytest.mark.parametrize(
    "value",
    [
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json ; Charset="Utf-8" ; version=1',
        "application/json; profile=x",
    ],
)
def test_utf8_or_no_charset(value: str) -> None:
    assert is_utf8([value])
    assert is_utf8([value, value])
    assert not is_utf8([value, "application/json; charset=us-ascii"])


@pytest.mark.parametrize(
    "value",
    [
        "application/json; charset=us-ascii",
        "application/json; charset=iso-8859-1",
        'application/json; charset="windows-1252"',
        "application/json; charset=utf-16",
        "application/json; charset=utf8",
        "application/json; charset=",
        "application/json; charset = utf-8",
        "application/json; charset=utf-8, text/plain; charset=us-ascii",
        "application/json; charset=utf-8; charset=us-ascii",
        "application/json; charset*=us-ascii''utf-8",
        'application/json; x="; charset=utf-8"; charset=us-ascii',
    ],
)
def test_any_other_charset_is_not_utf8(value: str) -> None:
    assert not is_utf8([value])


def test_no_content_type_means_utf8() -> None:
    assert is_utf8([])
