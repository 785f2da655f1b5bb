"""Types as they are declared, and what SQL Server refuses."""

import pytest

from gateway.emulator.sql.data_types import MAX, DataType, make_type, parse_type, variable_type
from gateway.emulator.sql.errors import SqlServerError


@pytest.mark.parametrize(
    ("text", "data_type", "declaration"),
    [
        ("int", DataType("int"), "int"),
        (" NVARCHAR ( 200 ) ", DataType("nvarchar", 200), "nvarchar(200)"),
        ("varbinary(MAX)", DataType("varbinary", MAX), "varbinary(max)"),
        ("nvarchar", DataType("nvarchar", 1), "nvarchar(1)"),
        ("varchar(8000)", DataType("varchar", 8000), "varchar(8000)"),
        ("numeric(10,2)", DataType("decimal", 10, 2), "decimal(10,2)"),
        ("decimal", DataType("decimal", 18, 0), "decimal(18,0)"),
        ("decimal(5)", DataType("decimal", 5, 0), "decimal(5,0)"),
        ("datetime2", DataType("datetime2", 0, 7), "datetime2"),
        ("xml", DataType("xml", MAX), "xml"),
        ("image", DataType("image", MAX), "image"),
        ("rowversion", DataType("binary", 8), "binary(8)"),
        ("sysname", DataType("nvarchar", 128), "nvarchar(128)"),
    ],
)
def test_type_as_it_is_declared(text: str, data_type: DataType, declaration: str) -> None:
    assert parse_type(text) == data_type
    assert data_type.declaration == declaration


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("foo", 2715),
        ("sql_variant", 2715),
        ("int)", 2715),
        ("", 2715),
        ("varchar(0)", 1001),
        ("varchar(8001)", 131),
        ("nvarchar(4001)", 2717),
        ("nvarchar(9000)", 131),
        ("varbinary(8001)", 131),
        ("char(max)", 102),
        ("decimal(max)", 102),
        ("decimal(39)", 1001),
        ("decimal(5,6)", 1001),
        ("decimal(0)", 1001),
    ],
)
def test_type_that_is_refused(text: str, number: int) -> None:
    with pytest.raises(SqlServerError) as caught:
        parse_type(text)
    assert caught.value.number == number


def test_default_length_depends_on_the_place() -> None:
    assert make_type("varchar", [], default=30) == DataType("varchar", 30)


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        ("nvarchar", 0, 1),
        ("nvarchar", 4000, 4000),
        ("nvarchar", 4001, MAX),
        ("varchar", 8000, 8000),
        ("varchar", 8001, MAX),
        ("varbinary", 8001, MAX),
    ],
)
def test_type_of_a_constant_is_max_over_8000_bytes(name: str, length: int, expected: int) -> None:
    assert variable_type(name, length) == DataType(name, expected)
