"""CAST, CONVERT and implicit conversions, by Microsoft Learn's tables."""

from decimal import Decimal

import pytest

from gateway.emulator.sql.conversions import convert, spell
from gateway.emulator.sql.data_types import MAX, DataType, parse_type
from gateway.emulator.sql.errors import NotInterpreted, SqlServerError
from gateway.emulator.sql.values import Data, Value

GUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
GUID_BYTES = bytes.fromhex("ff19966f868b11d0b42d00c04fc964ff")


def converted(data: Data, source: str, target: str, style: int = 0) -> Data:
    """Value after CAST or CONVERT."""
    return convert(Value(parse_type(source), data), parse_type(target), style, is_explicit=True).data


@pytest.mark.parametrize(
    ("data", "source", "target", "stored"),
    [
        ("abc", "nvarchar(3)", "nvarchar(2)", "ab"),
        ("aΩ", "nvarchar(2)", "varchar(5)", "a?"),
        ("ab", "varchar(2)", "nchar(3)", "ab "),
        ("aé€", "varchar(3)", "varbinary(max)", b"a\xe9\x80"),
        ("aé", "nvarchar(2)", "varbinary(max)", b"a\0\xe9\0"),
        (b"a\xe9\x80\x81", "varbinary(4)", "varchar(10)", "aé€\x81"),
        (b"a\0\xe9\0\x3d\xd8", "varbinary(6)", "nvarchar(10)", "aé\ud83d"),
        (b"abc", "varbinary(3)", "varbinary(2)", b"ab"),
        (b"abc", "varbinary(3)", "image", b"abc"),
        (1, "int", "varbinary(max)", b"\0\0\0\1"),
        (-2, "int", "varbinary(8)", b"\xff\xff\xff\xfe"),
        (258, "int", "binary(6)", b"\0\0\0\0\1\2"),
        (258, "int", "varbinary(1)", b"\2"),
        (b"\0\xd8\0", "varbinary(3)", "int", 0xD800),
        (b"\xff\xff\xff\xff", "varbinary(4)", "int", -1),
        (" -42 ", "varchar(5)", "int", -42),
        ("", "varchar(5)", "int", 0),
        ("true", "varchar(5)", "bit", 1),
        ("7", "varchar(5)", "bit", 1),
        (Decimal("1.9"), "decimal(3,1)", "int", 1),
        (2.9, "float", "smallint", 2),
        ("1.005", "varchar(5)", "decimal(5,2)", Decimal("1.01")),
        ("1.23456", "varchar(7)", "money", Decimal("1.2346")),
        (3, "int", "decimal(5,2)", Decimal("3.00")),
        ("1.5e3", "varchar(5)", "float", 1500.0),
        (0.1, "float", "real", 0.10000000149011612),
        (42, "int", "nvarchar(5)", "42"),
        (Decimal("1.50"), "decimal(3,2)", "varchar(9)", "1.50"),
        ("2026-11-28", "varchar(10)", "date", "2026-11-28"),
        (GUID.lower(), "nvarchar(36)", "uniqueidentifier", GUID),
        (f"{{{GUID}}}", "nvarchar(38)", "uniqueidentifier", GUID),
        (GUID_BYTES, "varbinary(16)", "uniqueidentifier", GUID),
        (GUID, "uniqueidentifier", "varbinary(16)", GUID_BYTES),
        (GUID, "uniqueidentifier", "varchar(36)", GUID),
        ("<a/>", "nvarchar(4)", "xml", "<a/>"),
        (
            '<?xml version="1.0" encoding="UTF-16"?><a/>',
            "nvarchar(50)",
            "xml",
            '<?xml version="1.0" encoding="UTF-16"?><a/>',
        ),
        (
            '<?xml version="1.0" encoding="UTF-8"?><a/>',
            "varchar(50)",
            "xml",
            '<?xml version="1.0" encoding="UTF-8"?><a/>',
        ),
    ],
)
def test_value_is_converted(data: Data, source: str, target: str, stored: Data) -> None:
    assert converted(data, source, target) == stored


@pytest.mark.parametrize("source", ["int", "nvarchar(5)", "varbinary(5)", "date"])
@pytest.mark.parametrize("target", ["varbinary(max)", "int", "xml", "uniqueidentifier", "decimal(5,2)"])
def test_null_stays_null(source: str, target: str) -> None:
    assert convert(Value(parse_type(source), None), parse_type(target)) == Value(parse_type(target), None)


@pytest.mark.parametrize(
    ("data", "source", "target", "style", "stored"),
    [
        (b"\x01\xff", "varbinary(2)", "varchar(100)", 1, "0x01FF"),
        (b"\x01\xff", "varbinary(2)", "varchar(5)", 1, "0x01F"),
        (b"\x01\xff", "varbinary(2)", "nvarchar(100)", 2, "01FF"),
        ("0x01fF", "varchar(6)", "varbinary(10)", 1, b"\x01\xff"),
        ("01fF", "nvarchar(6)", "varbinary(10)", 2, b"\x01\xff"),
    ],
)
def test_style_of_binary(data: Data, source: str, target: str, style: int, stored: Data) -> None:
    assert converted(data, source, target, style) == stored


@pytest.mark.parametrize(
    ("data", "source", "target", "style", "number", "message"),
    [
        (
            "abc",
            "nvarchar(3)",
            "int",
            0,
            245,
            "Conversion failed when converting the nvarchar value 'abc' to data type int.",
        ),
        (
            "1.5",
            "varchar(3)",
            "int",
            0,
            245,
            "Conversion failed when converting the varchar value '1.5' to data type int.",
        ),
        (
            "300",
            "varchar(3)",
            "tinyint",
            0,
            8115,
            "Arithmetic overflow error converting expression to data type tinyint.",
        ),
        ("x", "varchar(3)", "decimal(5,2)", 0, 8114, "Error converting data type varchar to decimal."),
        (
            "1000",
            "varchar(4)",
            "decimal(5,2)",
            0,
            8115,
            "Arithmetic overflow error converting expression to data type decimal.",
        ),
        (
            Decimal(214749),
            "decimal(9)",
            "smallmoney",
            0,
            8115,
            "Arithmetic overflow error converting expression to data type smallmoney.",
        ),
        ("x", "varchar(3)", "float", 0, 8114, "Error converting data type varchar to float."),
        (
            "1e400",
            "varchar(5)",
            "float",
            0,
            8115,
            "Arithmetic overflow error converting expression to data type float.",
        ),
        (
            1e300,
            "float",
            "real",
            0,
            8115,
            "Arithmetic overflow error converting expression to data type real.",
        ),
        (
            1000,
            "int",
            "varchar(3)",
            0,
            8115,
            "Arithmetic overflow error converting expression to data type varchar.",
        ),
        (
            "x",
            "varchar(3)",
            "date",
            0,
            241,
            "Conversion failed when converting date and/or time from character string.",
        ),
        (
            "x",
            "varchar(3)",
            "uniqueidentifier",
            0,
            8169,
            "Conversion failed when converting from a character string to uniqueidentifier.",
        ),
        ("0x1", "varchar(3)", "varbinary(3)", 1, 8114, "Error converting data type varchar to varbinary."),
        ("01", "varchar(3)", "varbinary(3)", 1, 8114, "Error converting data type varchar to varbinary."),
        (
            '<?xml version="1.0" encoding="utf-8"?><a/>',
            "nvarchar(50)",
            "xml",
            0,
            9402,
            "XML parsing: line 1, character 36, unable to switch the encoding",
        ),
    ],
)
def test_conversion_that_fails(
    data: Data, source: str, target: str, style: int, number: int, message: str
) -> None:
    with pytest.raises(SqlServerError) as caught:
        converted(data, source, target, style)
    assert (caught.value.number, caught.value.message) == (number, message)


def test_text_becomes_binary_only_on_request() -> None:
    with pytest.raises(SqlServerError) as caught:
        convert(Value(DataType("nvarchar", 3), "abc"), DataType("varbinary", MAX))
    assert caught.value.number == 257
    assert caught.value.message.startswith("Implicit conversion from data type nvarchar to varbinary(max)")


@pytest.mark.parametrize(
    ("data", "source", "target", "style"),
    [("a", "varchar(1)", "int", 3), (1.5, "float", "binary(8)", 0), (1, "int", "date", 0)],
)
def test_other_conversion_is_not_executed(data: Data, source: str, target: str, style: int) -> None:
    with pytest.raises(NotInterpreted):
        converted(data, source, target, style)


@pytest.mark.parametrize(
    ("data", "name", "text"),
    [
        (7, "int", "7"),
        (Decimal("1E+3"), "money", "1000"),
        (1.0, "float", "1"),
        (0.1, "float", "0.1"),
        (1e20, "float", "1E+20"),
        (0.10000000149011612, "real", "0.1"),
    ],
)
def test_number_is_spelled(data: Data, name: str, text: str) -> None:
    assert spell(Value(DataType(name), data)) == text
