"""Binding of arguments to the parameters of a procedure."""

import pytest

from gateway.emulator.sql.calls import Database, PassedArgument, call_procedure
from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import SqlServerError
from gateway.emulator.sql.execution_log import ExecutionLog
from gateway.emulator.sql.procedures import Procedure, ProcedureParameter, Procedures
from gateway.emulator.sql.values import Value

PROCEDURE = Procedure(
    name="P",
    parameters=(
        ProcedureParameter(name="@a", type="int"),
        ProcedureParameter(name="@b", type="nvarchar(3)", optional=True),
        ProcedureParameter(name="@c", type="tinyint", output=True, optional=True),
    ),
    returns=-4,
)
ONE = Value(DataType("int"), 1)
TEXT = Value(DataType("nvarchar", 5), "abcde")


def database() -> Database:
    return Database(Procedures([PROCEDURE]), ExecutionLog())


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([PassedArgument("", ONE)], ["1", None, None]),
        ([PassedArgument("", ONE), PassedArgument("", TEXT)], ["1", "abc", None]),
        ([PassedArgument("@B", TEXT), PassedArgument("@A", ONE)], ["1", "abc", None]),
        ([PassedArgument("", ONE), PassedArgument("@c", ONE), PassedArgument("@b", None)], ["1", None, "1"]),
    ],
)
def test_arguments_are_bound(arguments: list[PassedArgument], values: list[str | None]) -> None:
    practice = database()
    assert call_procedure(("p",), arguments, practice).returns == -4
    recorded = practice.log.runs()[0]["arguments"]
    assert [argument["value"] for argument in recorded.values()] == values
    assert list(recorded) == ["@a", "@b", "@c"]


def test_output_is_the_number_of_the_run_within_its_type() -> None:
    practice = database()
    arguments = [PassedArgument("@c", ONE, is_output=True), PassedArgument("@a", ONE)]
    for expected in (1, 2):
        output, other = call_procedure(("p",), arguments, practice).outputs
        assert output == Value(DataType("tinyint"), expected)
        assert other is None
    practice.log.total = 400
    assert call_procedure(("p",), arguments, practice).outputs[0] == Value(DataType("tinyint"), 255)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ([], 201),
        ([PassedArgument("@a", None)], 201),
        ([PassedArgument("", ONE)] * 4, 8144),
        ([PassedArgument("@z", ONE)], 8145),
        ([PassedArgument("", ONE), PassedArgument("@a", ONE)], 8143),
        ([PassedArgument("@a", ONE, is_output=True)], 8162),
        ([PassedArgument("@a", TEXT)], 8114),
        ([PassedArgument("@a", ONE), PassedArgument("@c", Value(DataType("int"), 256))], 8114),
    ],
)
def test_call_that_is_refused_is_not_recorded(arguments: list[PassedArgument], number: int) -> None:
    practice = database()
    with pytest.raises(SqlServerError) as caught:
        call_procedure(("dbo", "P"), arguments, practice)
    assert caught.value.number == number
    assert practice.log.total == 0
