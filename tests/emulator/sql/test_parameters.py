"""Parameters as SqlClient converts their strings: every SqlDbType."""

from typing import Any

import pytest

from gateway.emulator.sql.data_types import MAX
from gateway.emulator.sql.errors import ParameterConversionError, SqlServerError
from gateway.emulator.sql.parameters import (
    NOT_PASSED,
    SQL_TYPES,
    BinaryEncoding,
    dotnet_string,
    read_binary,
    read_parameter,
)

GUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


def read(sql_type: str, value: Any, **more: Any) -> Any:
    """Value of a parameter, as its data."""
    return read_parameter({"name": "@x", "type": sql_type, "value": value, **more}).value.data


@pytest.mark.parametrize(
    ("sql_type", "text", "answer"),
    [
        ("BigInt", "-9223372036854775808", None),
        ("Int", " 12 ", "12"),
        ("Int", "+12", "12"),
        ("SmallInt", "-3", None),
        ("TinyInt", "255", None),
        ("Bit", "True", None),
        ("Bit", "false", "False"),
        ("Decimal", "1,234.50", "1234.50"),
        ("Decimal", "-0.10", None),
        ("Money", "1.23456", "1.2346"),
        ("SmallMoney", "1", "1.0000"),
        ("Float", "1.5E3", "1500"),
        ("Real", "0.1", None),
        ("Char", "ab", None),
        ("VarChar", "aΩ", "a?"),
        ("Text", "é", None),
        ("NChar", "Ω", None),
        ("NVarChar", "a😀\ud83d", None),
        ("NText", "Ω", None),
        ("String", "Ω", None),
        ("Xml", '<?xml version="1.0" encoding="utf-8"?><a/>', None),
        ("Binary", "AQI=", None),
        ("VarBinary", "0x0102", "AQI="),
        ("Image", "AQI=", None),
        ("Timestamp", "AQI=", None),
        ("VarBinary", "", None),
        ("NVarChar", "", None),
        ("Date", "2026-11-28", None),
        ("DateTime", "2026-11-28T10:11:12.001", "2026-11-28T10:11:12.000"),
        ("DateTime2", "2026-11-28T10:11:12.1234567", None),
        ("SmallDateTime", "2026-11-28T10:11:12", "2026-11-28T10:11:00"),
        ("DateTimeOffset", "2026-11-28T10:11:12.0000000+10:00", None),
        ("Time", "10:11:12", "10:11:12.0000000"),
        ("UniqueIdentifier", GUID.lower(), GUID),
        ("UniqueIdentifier", "{" + GUID + "}", GUID),
    ],
)
def test_string_becomes_a_value(sql_type: str, text: str, answer: str | None) -> None:
    parameter = read_parameter({"name": "@x", "type": sql_type, "value": text, "direction": "input"})
    assert dotnet_string(parameter.value) == (text if answer is None else answer)


@pytest.mark.parametrize("sql_type", sorted(SQL_TYPES))
@pytest.mark.parametrize("direction", ["input", "output", "inputOutput", "returnValue"])
def test_null_is_a_value_of_every_type(sql_type: str, direction: str) -> None:
    parameter = read_parameter({"name": "@x", "type": sql_type, "value": None, "direction": direction})
    assert parameter.value.data is None
    assert parameter.answer(parameter.value)["value"] is None


@pytest.mark.parametrize(
    ("sql_type", "text", "target", "reason"),
    [
        (
            "VarBinary",
            "AQI",
            "Byte[]",
            "Invalid cast from 'System.String' to 'System.Byte[]'.",
        ),
        (
            "VarBinary",
            "0xabc",
            "Byte[]",
            "Invalid cast from 'System.String' to 'System.Byte[]'.",
        ),
        (
            "Image",
            "é",
            "Byte[]",
            "Invalid cast from 'System.String' to 'System.Byte[]'.",
        ),
        (
            "Int",
            "x",
            "Int32",
            "Input string was not in a correct format.",
        ),
        (
            "Int",
            "",
            "Int32",
            "Input string was not in a correct format.",
        ),
        (
            "Int",
            "2147483648",
            "Int32",
            "Value was either too large or too small for a Int32.",
        ),
        (
            "TinyInt",
            "-1",
            "Byte",
            "Value was either too large or too small for a Byte.",
        ),
        (
            "Bit",
            "1",
            "Boolean",
            "String was not recognized as a valid Boolean.",
        ),
        (
            "Decimal",
            "1e3",
            "Decimal",
            "Input string was not in a correct format.",
        ),
        (
            "Decimal",
            ".",
            "Decimal",
            "Input string was not in a correct format.",
        ),
        (
            "Decimal",
            "1" + "0" * 29,
            "Decimal",
            "Value was either too large or too small for a Decimal.",
        ),
        (
            "Float",
            "x",
            "Double",
            "Input string was not in a correct format.",
        ),
        (
            "DateTime",
            "28/11/26",
            "DateTime",
            "String was not recognized as a valid DateTime.",
        ),
        (
            "Time",
            "x",
            "TimeSpan",
            "String was not recognized as a valid DateTime.",
        ),
        (
            "UniqueIdentifier",
            "x",
            "Guid",
            "Guid should contain 32 digits with 4 dashes.",
        ),
        (
            "NVarChar",
            5,
            "String",
            "The value is not a string.",
        ),
    ],
)
def test_string_that_is_not_converted(sql_type: str, text: Any, target: str, reason: str) -> None:
    with pytest.raises(ParameterConversionError) as caught:
        read(sql_type, text)
    assert caught.value.message == (
        f"Failed to convert parameter value from a String to a {target}. --> {reason}"
    )


@pytest.mark.parametrize(
    ("encoding", "text", "data"),
    [
        ("either", "0xABCD", b"\xab\xcd"),
        ("hex", "0xABCD", b"\xab\xcd"),
        ("base64", "0xABCDEF", b"\xd3\x10\x01\x08\x31\x05"),
        ("either", "q80=", b"\xab\xcd"),
        ("base64", "q80=", b"\xab\xcd"),
        ("hex", "q80=", None),
        ("either", "0x", b""),
        ("either", "", b""),
    ],
)
def test_encoding_of_binary_is_a_setting(encoding: BinaryEncoding, text: str, data: bytes | None) -> None:
    if data is None:
        with pytest.raises(ParameterConversionError):
            read_binary(text, encoding)
    else:
        assert read_binary(text, encoding) == data


@pytest.mark.parametrize(
    ("sql_type", "text", "size", "data"),
    [
        ("NVarChar", "abcdef", 3, "abc"),
        ("NVarChar", "abc", 10, "abc"),
        ("NVarChar", "abc", -1, "abc"),
        ("NChar", "abc", 5, "abc  "),
        ("VarBinary", "AQID", 2, b"\x01\x02"),
        ("NText", "abc", 2, "ab"),
        ("Int", "12345", 2, 12345),
        ("NVarChar", "abc", "2", "abc"),
    ],
)
def test_size_cuts_silently(sql_type: str, text: str, size: Any, data: Any) -> None:
    assert read(sql_type, text, size=size) == data


@pytest.mark.parametrize(
    ("sql_type", "length", "expected"),
    [
        ("NVarChar", 4000, 4000),
        ("NVarChar", 4001, MAX),
        ("VarChar", 8001, MAX),
        ("NChar", 4001, MAX),
        ("Char", 3, 3),
    ],
)
def test_type_is_as_long_as_its_value(sql_type: str, length: int, expected: int) -> None:
    parameter = read_parameter({"name": "@x", "type": sql_type, "value": "x" * length})
    assert parameter.value.type.length == expected


def test_output_has_room_for_any_value() -> None:
    assert read_parameter({"name": "@x", "type": "NVarChar", "direction": "output"}).value.type.length == MAX
    sized = read_parameter({"name": "@x", "type": "NVarChar", "direction": "output", "size": 9})
    assert sized.value.type.length == 9


def test_name_gets_its_at_sign() -> None:
    assert read_parameter({"name": "x", "type": "Int", "value": "1"}).name == "@x"
    assert read_parameter({"name": "@x", "type": "Int", "value": "1"}).name == "@x"


@pytest.mark.parametrize("sql_type", [*sorted(NOT_PASSED), "int", "", None])
def test_other_type_is_refused(sql_type: Any) -> None:
    with pytest.raises(SqlServerError) as caught:
        read(sql_type, "1")
    assert caught.value.number == 0
