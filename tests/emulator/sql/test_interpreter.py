"""Statements as they run: variables, functions, rows."""

from typing import Any

import pytest
from emulator.sql.practice_database import PracticeDatabase

from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import NotInterpreted
from gateway.emulator.sql.interpreter import character, data_length, json_value
from gateway.emulator.sql.values import NULL, Value


@pytest.mark.parametrize(
    ("text", "argument", "value"),
    [
        ("DECLARE @x nvarchar(max); EXEC TakeAll @n = @x", "@n", None),
        ("DECLARE @x nvarchar(3) = N'abcdef'; EXEC TakeAll @n = @x", "@n", "abc"),
        ("DECLARE @x nvarchar; SET @x = N'abc'; EXEC TakeAll @n = @x", "@n", "a"),
        ("DECLARE @x varchar(max) = N'aΩ😀'; EXEC TakeAll @n = @x", "@n", "a???"),
        ("DECLARE @x nvarchar(max) = 'Ω'; EXEC TakeAll @n = @x", "@n", "?"),
        ("DECLARE @x nchar(3) = N'a'; EXEC TakeAll @n = @x", "@n", "a  "),
        ("EXEC TakeAll @n10 = N'0123456789x'", "@n10", "0123456789"),
        ("EXEC TakeAll @v = N'Ω€'", "@v", "?€"),
        ("EXEC TakeAll @b10 = 0x0102030405060708090A0B", "@b10", "AQIDBAUGBwgJCg=="),
        ("EXEC TakeAll @i = '12'", "@i", "12"),
        ("EXEC TakeAll @bit = 5", "@bit", "1"),
        ("EXEC TakeAll @d = 1.005", "@d", "1.01"),
        ("EXEC TakeAll @t = '2026-11-28T10:11:12.3456'", "@t", "2026-11-28T10:11:12.346"),
        ("EXEC TakeAll @x = N'<a/>'", "@x", "<a/>"),
        ("EXEC TakeAll N'first', 'second'", "@v", "second"),
        (
            (
                "DECLARE @x nvarchar(max) = N'a' + NCHAR(0) + N'b' + NCHAR(55357) + NCHAR(56832); "
                "EXEC TakeAll @n = @x"
            ),
            "@n",
            "a\0b😀",
        ),
        ("DECLARE @x nvarchar(max) = NCHAR(0xD83D); EXEC TakeAll @n = @x", "@n", "\ud83d"),
        ("DECLARE @x nvarchar(max) = N'a' + NCHAR(65536); EXEC TakeAll @n = @x", "@n", None),
        ("DECLARE @x nvarchar(max) = N'a' + NULL; EXEC TakeAll @n = @x", "@n", None),
        (
            "DECLARE @x varbinary(max) = CAST(N'a' AS varbinary(max)) + 0x01; EXEC TakeAll @b = @x",
            "@b",
            "YQAB",
        ),
        (
            "DECLARE @x int, @y int; EXEC @x = TakeAll @out = @y OUTPUT; EXEC TakeAll @i = @x, @out = @y",
            "@i",
            "7",
        ),
        (
            "DECLARE @x int, @y int; EXEC @x = TakeAll @out = @y OUTPUT; EXEC TakeAll @i = @x, @out = @y",
            "@out",
            "1",
        ),
        ("DECLARE @y int = 5; EXEC TakeAll @out = @y; EXEC TakeAll @out = @y", "@out", "5"),
    ],
)
def test_argument_that_the_procedure_gets(text: str, argument: str, value: str | None) -> None:
    database = PracticeDatabase()
    database.run(text)
    assert database.argument(argument) == value


@pytest.mark.parametrize("cast", ["", "CAST(N'' AS nvarchar(max)) + "])
def test_short_literals_are_cut_unless_a_cast_comes_first(cast: str) -> None:
    database = PracticeDatabase()
    half = "N'" + "x" * 3000 + "'"
    database.run(f"DECLARE @x nvarchar(max) = {cast}{half} + {half}; EXEC TakeAll @n = @x")
    assert len(database.argument("@n")) == (6000 if cast else 4000)


def test_output_by_position_reaches_the_variable() -> None:
    rows = PracticeDatabase().run("DECLARE @id int; EXEC AddNote 1, N'note', @id OUT SELECT @id AS id").rows
    assert rows == [{"id": 1}]


def test_rows_of_selects() -> None:
    text = "SELECT 1 AS one, N'é' + N'x', NULL [nothing], CAST(1 AS bit) b, 1.50 d; SELECT 0x01 AS data"
    assert PracticeDatabase().run(text).rows == [
        {"one": 1, "Column2": "éx", "nothing": None, "b": True, "d": "1.50"},
        {"data": "AQ=="},
    ]


@pytest.mark.parametrize(
    ("code", "unit"), [(0, "\0"), (65, "A"), (0xD800, "\ud800"), (65535, "\uffff"), (65536, None), (-1, None)]
)
def test_nchar_gives_one_unit(code: int, unit: str | None) -> None:
    assert character(Value(DataType("int"), code)).data == unit


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (Value(DataType("nvarchar", 2), "é\ud83d"), 4),
        (Value(DataType("varchar", 2), "é"), 1),
        (Value(DataType("varbinary", 2), b"ab"), 2),
        (Value(DataType("bigint"), 1), 8),
        (NULL, None),
    ],
)
def test_datalength_counts_bytes(value: Value, length: int | None) -> None:
    assert data_length(value).data == length


def test_datalength_of_a_date_is_not_executed() -> None:
    with pytest.raises(NotInterpreted):
        data_length(Value(DataType("date"), "2026-11-28"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Value(DataType("bit"), 0), False),
        (Value(DataType("int"), 0), 0),
        (Value(DataType("float"), 1.5), 1.5),
        (NULL, None),
    ],
)
def test_value_in_a_row(value: Value, shown: Any) -> None:
    assert json_value(value) is shown or json_value(value) == shown
