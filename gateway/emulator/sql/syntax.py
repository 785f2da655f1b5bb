"""Statements and expressions of the subset of T-SQL."""

from dataclasses import dataclass

from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.values import Value


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal or NULL."""

    value: Value


@dataclass(frozen=True, slots=True)
class VariableReference:
    """A variable, by its name in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Operands of `+`, from the left."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """CAST or CONVERT."""

    operand: "Expression"
    type: DataType
    style: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one argument, by its name in lower case: `nchar`, `datalength`."""

    function: str
    argument: "Expression"


Expression = Constant | VariableReference | Sum | Cast | Call


@dataclass(frozen=True, slots=True)
class Declare:
    """Variables with their types and initial values."""

    variables: tuple[tuple[str, DataType, Expression | None], ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """SET of a variable."""

    variable: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of EXECUTE: `name` as written, empty where it is given by position; None is DEFAULT."""

    name: str
    value: Constant | VariableReference | None
    is_output: bool = False


@dataclass(frozen=True, slots=True)
class Execute:
    """A run of a procedure."""

    procedure: tuple[str, ...]
    arguments: tuple[Argument, ...]
    return_variable: str = ""


@dataclass(frozen=True, slots=True)
class Select:
    """Columns without a table: name (empty where none is given) and expression."""

    columns: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class ForeignSelect:
    """A SELECT that the emulator does not execute."""


Statement = Declare | Assign | Execute | Select | ForeignSelect
