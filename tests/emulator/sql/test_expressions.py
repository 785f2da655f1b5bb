"""Expressions and constants."""

from decimal import Decimal

import pytest

from gateway.emulator.sql.data_types import MAX, DataType
from gateway.emulator.sql.errors import NotInterpreted, SqlServerError
from gateway.emulator.sql.expressions import ExpressionParser, number_constant
from gateway.emulator.sql.scanner import scan
from gateway.emulator.sql.syntax import Call, Cast, Constant, Expression, Sum, VariableReference
from gateway.emulator.sql.tokens import TokenReader
from gateway.emulator.sql.values import NULL, Value


def parse(text: str) -> Expression:
    """Read an expression in which @x is declared."""
    return ExpressionParser(TokenReader(scan(text)), {"@x"}).expression()


ONE = Constant(Value(DataType("int"), 1))
A = Constant(Value(DataType("varchar", 1), "a"))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("1", ONE),
        ("((1))", ONE),
        ("-1", Constant(Value(DataType("int"), -1))),
        ("+ 1", ONE),
        ("NULL", Constant(NULL)),
        ("'a'", A),
        ("N'a'", Constant(Value(DataType("nvarchar", 1), "a"))),
        ("0x0a", Constant(Value(DataType("varbinary", 1), b"\n"))),
        ("@X", VariableReference("@x")),
        ("'a' + @x + 'a'", Sum((A, VariableReference("@x"), A))),
        ("'a' + ('a' + 'a')", Sum((A, Sum((A, A))))),
        ("cast('a' as nvarchar(max))", Cast(A, DataType("nvarchar", MAX))),
        ("CAST('a' AS [varchar])", Cast(A, DataType("varchar", 30))),
        ("convert(varbinary(2), 'a')", Cast(A, DataType("varbinary", 2))),
        (
            "CONVERT(varchar(9), 0x0a, 1)",
            Cast(Constant(Value(DataType("varbinary", 1), b"\n")), DataType("varchar", 9), 1),
        ),
        ("NCHAR(1)", Call("nchar", ONE)),
        ("datalength ( @x )", Call("datalength", VariableReference("@x"))),
    ],
)
def test_expression(text: str, expression: Expression) -> None:
    assert parse(text) == expression


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 102),
        ("'a' +", 102),
        ("(1", 102),
        ("1 +)", 102),
        ("@y", 137),
        ("FROM", 156),
        ("x", 102),
        ("CAST(1 int)", 102),
        ("CAST(1 AS)", 102),
        ("CAST(1 AS varchar(x))", 102),
        ("CAST(1 AS foo)", 2715),
        ("CONVERT(int 1)", 102),
        ("NCHAR()", 102),
        ("NCHAR(1", 102),
    ],
)
def test_error_of_an_expression(text: str, number: int) -> None:
    with pytest.raises(SqlServerError) as caught:
        parse(text)
    assert caught.value.number == number
    assert not isinstance(caught.value, NotInterpreted)


@pytest.mark.parametrize(
    "text",
    [
        "GETDATE()",
        "REPLICATE('a', 2)",
        "@@ROWCOUNT",
        "1e3",
        "CONVERT(varchar(9), 1, 126)",
        "CAST(1 AS dbo.x)",
    ],
)
def test_expression_outside_of_the_subset(text: str) -> None:
    with pytest.raises(NotInterpreted):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2147483647", Value(DataType("int"), 2147483647)),
        ("-2147483648", Value(DataType("int"), -2147483648)),
        ("2147483648", Value(DataType("decimal", 10, 0), Decimal(2147483648))),
        ("1.50", Value(DataType("decimal", 3, 2), Decimal("1.50"))),
        (".5", Value(DataType("decimal", 1, 1), Decimal("0.5"))),
    ],
)
def test_number_has_the_type_of_its_digits(text: str, value: Value) -> None:
    assert number_constant(text) == value
