"""Constants, code page 1252, and the truncation of `+`."""

import pytest

from gateway.emulator.sql.data_types import MAX, DataType
from gateway.emulator.sql.errors import NotInterpreted, SqlServerError
from gateway.emulator.sql.values import (
    NULL,
    Value,
    binary_constant,
    concatenate,
    fit,
    lose_characters,
    string_constant,
)


def text(length: int, character: str = "n") -> Value:
    """N'…' of a length."""
    return string_constant(character * length, is_unicode=True)


def narrow(length: int, character: str = "v") -> Value:
    """'…' of a length."""
    return string_constant(character * length, is_unicode=False)


def binary(length: int) -> Value:
    """0x… of a number of bytes."""
    return binary_constant("ab" * length)


LARGE = Value(DataType("nvarchar", MAX), "")
LARGE_NARROW = Value(DataType("varchar", MAX), "")
LARGE_BINARY = Value(DataType("varbinary", MAX), b"")


@pytest.mark.parametrize(
    ("operands", "name", "length"),
    [
        ([text(4000), text(1)], "nvarchar", 4000),
        ([text(4001), text(1)], "nvarchar(max)", 4002),
        ([text(1), text(4001)], "nvarchar(max)", 4002),
        ([text(2000), text(2000), text(2000)], "nvarchar", 4000),
        ([LARGE, text(4000), text(4000)], "nvarchar(max)", 8000),
        ([text(4000), LARGE, text(4000)], "nvarchar(max)", 8000),
        ([text(3000), text(3000), LARGE, text(3000)], "nvarchar(max)", 7000),
        ([narrow(8000), narrow(1)], "varchar", 8000),
        ([narrow(8001), narrow(1)], "varchar(max)", 8002),
        ([narrow(8000), text(1)], "nvarchar", 4000),
        ([text(1), narrow(8000)], "nvarchar", 4000),
        ([narrow(8000), LARGE], "nvarchar(max)", 8000),
        ([LARGE_NARROW, text(10)], "nvarchar(max)", 10),
        ([narrow(5000), narrow(5000), LARGE_NARROW, narrow(8000)], "varchar(max)", 16000),
        ([binary(8000), binary(1)], "varbinary", 8000),
        ([binary(8001), binary(1)], "varbinary(max)", 8002),
        ([LARGE_BINARY, binary(8000), binary(8000)], "varbinary(max)", 16000),
        ([binary(8000), binary(8000), LARGE_BINARY], "varbinary(max)", 8000),
        ([text(0), text(0)], "nvarchar", 0),
    ],
)
def test_sum_is_cut_at_each_step(operands: list[Value], name: str, length: int) -> None:
    total = concatenate(operands)
    assert str(total.type) == name
    assert isinstance(total.data, str | bytes)
    assert len(total.data) == length


def test_example_of_the_documentation_keeps_16000() -> None:
    """Microsoft Learn, + (String Concatenation), example D: @x + @z + @y."""
    x, z = narrow(8000, "x"), narrow(8000, "z")
    y = Value(DataType("varchar", MAX), "y" * 8000)
    assert concatenate([x, z, y]).data == "x" * 8000 + "y" * 8000


def test_sum_keeps_the_order_of_its_operands() -> None:
    assert concatenate([text(2, "a"), narrow(2, "b"), text(1, "c")]).data == "aabbc"


@pytest.mark.parametrize(
    "operands", [[NULL, text(1)], [text(1), NULL], [Value(DataType("varchar", 3), None), text(1)]]
)
def test_sum_with_null_is_null(operands: list[Value]) -> None:
    total = concatenate(operands)
    assert (total.data, total.type.name) == (None, "nvarchar")


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        ([text(1), binary(1)], "The data types nvarchar and varbinary are incompatible in the add operator."),
        (
            [LARGE_BINARY, narrow(1)],
            "The data types varbinary(max) and varchar are incompatible in the add operator.",
        ),
        (
            [Value(DataType("xml", MAX), "<a/>"), text(1)],
            "The data types xml and xml are incompatible in the add operator.",
        ),
    ],
)
def test_sum_of_text_and_binary_is_refused(operands: list[Value], message: str) -> None:
    with pytest.raises(SqlServerError) as caught:
        concatenate(operands)
    assert (caught.value.number, caught.value.message) == (402, message)


@pytest.mark.parametrize("operands", [[Value(DataType("int"), 1), Value(DataType("int"), 1)], [NULL, NULL]])
def test_sum_of_numbers_is_not_executed(operands: list[Value]) -> None:
    with pytest.raises(NotInterpreted):
        concatenate(operands)


@pytest.mark.parametrize(
    ("units", "stored"),
    [
        ("abc é €…Ÿ", "abc é €…Ÿ"),
        ("日本", "??"),
        ("\ud83d\ude00", "??"),
        ("ĀΩ", "??"),
        ("\x00\x7f\x80\x81\x9d\xa0", "\x00\x7f?\x81\x9d\xa0"),
    ],
)
def test_code_page_keeps_what_it_has(units: str, stored: str) -> None:
    assert lose_characters(units) == stored
    assert string_constant(units, is_unicode=False).data == stored
    assert string_constant(units, is_unicode=True).data == units


@pytest.mark.parametrize(
    ("digits", "data"), [("", b""), ("AB", b"\xab"), ("abc", b"\x0a\xbc"), ("00ff", b"\x00\xff")]
)
def test_binary_constant(digits: str, data: bytes) -> None:
    assert binary_constant(digits).data == data


@pytest.mark.parametrize(
    ("data", "target", "stored"),
    [
        ("abcdef", DataType("nvarchar", 3), "abc"),
        ("ab", DataType("nvarchar", 3), "ab"),
        ("ab", DataType("nchar", 3), "ab "),
        ("abΩ", DataType("char", 5), "ab?  "),
        ("abΩ", DataType("varchar", MAX), "ab?"),
        (b"abc", DataType("varbinary", 2), b"ab"),
        (b"abc", DataType("binary", 5), b"abc\0\0"),
        ("\ud83d\ude00", DataType("nvarchar", 1), "\ud83d"),
    ],
)
def test_value_fits_its_type(data: str | bytes, target: DataType, stored: str | bytes) -> None:
    assert fit(data, target) == Value(target, stored)
