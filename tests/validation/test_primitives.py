from typing import Any

import pytest

from gateway.validation.primitives import PRIMITIVES, primitive_error

#: Type -> valid values, invalid values (datatypes.html#primitive).
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "base64Binary": (["YWJj", "YW Jj\n", "YQ=="], ["YWJ", "####", "   ", "YWJj=", "ü", 1]),
    "boolean": ([True, False], ["true", 1, 0]),
    "canonical": (["http://x.example/a|1.0", "#x"], ["http://x.example/a b", 1]),
    "code": (["a", "a b", "<="], [" a", "a ", "a  b", 1, True]),
    "date": (["2024", "2024-02", "2024-02-29"], ["2023-02-29", "2024-13", "0000", "2024-1-1", "24", 2024]),
    "dateTime": (
        ["2024", "2024-02-29T23:59:60Z", "2024-02-29T00:00:00.1234567+14:00", "2024-02-29"],
        ["2024-02-29T00:00:00", "2024-02-30T00:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T10:00Z", 0, ""],
    ),
    "decimal": ([1, -1.5, 1e400, 10**30, 0], ["1.0", True]),
    "id": (["a", "A-1.b", "x" * 64], ["a_b", "x" * 65, "a b", 1]),
    "instant": (
        ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.0000000+10:00"],
        ["2024-02-29", "2024-02-29T00:00:00", "2023-02-29T00:00:00Z"],
    ),
    "integer": ([0, -2_147_483_648, 2_147_483_647], [2_147_483_648, 1.0, "1", True]),
    "markdown": (["# x", " "], [1]),
    "oid": (["urn:oid:1.2.36.0"], ["1.2.36", "urn:oid:3.1", "urn:oid:1.02"]),
    "positiveInt": ([1, 2_147_483_647], [0, -1, 1.0]),
    "string": (
        ["a\u00a0b", " \t\r\n", "\U0001f600", "x" * 1_048_576],
        ["x" * 1_048_577, "a\x00", "a\x1f", "\ud800", 1, True, [], {}],
    ),
    "time": (["00:00:00", "23:59:59.9", "23:59:60"], ["24:00:00", "10:00", "10:00:00Z"]),
    "unsignedInt": ([0, 1], [-1, 2_147_483_648]),
    "uri": (["urn:uuid:1", "Patient/1", "ü"], ["a b", "\t", 1]),
    "url": (["10.1.1.1:8080", "mailto:a@x.example"], ["a b", 1]),
    "uuid": (["urn:uuid:C757873D-ec9a-1326-a141-556f43239520"], ["c757873d-ec9a-4326-a141-556f43239520"]),
    "xhtml": (["<div xmlns='http://www.w3.org/1999/xhtml'/>"], [1]),
}


def test_table_contains_every_primitive_type() -> None:
    assert set(VALUES) == set(PRIMITIVES)


@pytest.mark.parametrize("type_", PRIMITIVES)
def test_valid_value_has_no_error(type_: str) -> None:
    valid, _ = VALUES[type_]
    assert [(value, primitive_error(type_, value)) for value in valid if primitive_error(type_, value)] == []


@pytest.mark.parametrize("type_", PRIMITIVES)
def test_invalid_value_has_error(type_: str) -> None:
    _, invalid = VALUES[type_]
    assert [value for value in [*invalid, None] if not primitive_error(type_, value)] == []


@pytest.mark.parametrize("type_", PRIMITIVES)
def test_error_of_empty_string_says_empty(type_: str) -> None:
    assert primitive_error(type_, "").startswith("is empty")


@pytest.mark.parametrize("type_", ["base64Binary", "code", "oid", "dateTime", "uri"])
def test_long_invalid_value_is_checked_in_linear_time(type_: str) -> None:
    assert primitive_error(type_, "a " * 500_001 + "\t")
