"""Every statement and argument of the subset has its node."""

import pytest

from gateway.emulator.sql.data_types import MAX, DataType
from gateway.emulator.sql.parser import parse_batch
from gateway.emulator.sql.syntax import (
    Argument,
    Assign,
    Constant,
    Declare,
    Execute,
    Select,
    Statement,
    VariableReference,
)
from gateway.emulator.sql.values import NULL, Value

INT = DataType("int")
ONE = Constant(Value(INT, 1))
X = VariableReference("@x")


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("DECLARE @A int", Declare((("@a", INT, None),))),
        (
            "declare @a AS int = 1, @b varbinary(max)",
            Declare((("@a", INT, ONE), ("@b", DataType("varbinary", MAX), None))),
        ),
        ("SET @X = 1", Assign("@x", ONE)),
        ("EXEC p", Execute(("p",), ())),
        ("p 1", Execute(("p",), (Argument("", ONE),))),
        (
            "execute @x = [a]..[b] @P = @x OUTPUT, @q = @x out, @r = NULL, @s = DEFAULT",
            Execute(
                ("a", "", "b"),
                (
                    Argument("@P", X, is_output=True),
                    Argument("@q", X, is_output=True),
                    Argument("@r", Constant(NULL)),
                    Argument("@s", None),
                ),
                "@x",
            ),
        ),
        (
            "EXEC p word, -1",
            Execute(
                ("p",),
                (
                    Argument("", Constant(Value(DataType("nvarchar", 4), "word"))),
                    Argument("", Constant(Value(INT, -1))),
                ),
            ),
        ),
        ("SELECT 1, 1 AS a, 1 [b c]", Select((("", ONE), ("a", ONE), ("b c", ONE)))),
    ],
)
def test_statement_has_its_node(text: str, statement: Statement) -> None:
    assert parse_batch(text, {"@x": INT}) == [statement]
