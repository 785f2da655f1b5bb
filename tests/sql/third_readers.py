"""What sqlglot and sqlfluff read in a text: further judges, which share no code with the gateway's lexer.

Both know literals and names, not values: continuations and NCHAR are evaluated here.
"""

import re
from typing import NamedTuple

import sqlglot
from sqlfluff.core import FluffConfig, Linter
from sqlfluff.core.parser import BaseSegment
from sqlglot import exp

from gateway.sql.batch import Batch

_FLUFF = Linter(config=FluffConfig(overrides={"dialect": "tsql", "templater": "raw"}))
#: Literals and names, by sqlfluff's types.
_FLUFF_WORDS = ("quoted_literal", "binary_literal", "quoted_identifier", "parameter")


class Reading(NamedTuple):
    """A batch as plain data: names and types as written, values as bytes, texts in UTF-16-LE."""

    variables: tuple[tuple[str, str, bytes], ...]
    procedure: tuple[str, ...]
    arguments: tuple[tuple[str, str, bool], ...]
    return_variable: str


class UnexpectedTextError(Exception):
    """A text has another statement, or one of another form."""


def reading_of(batch: Batch) -> Reading:
    variables = tuple(
        (variable.name, variable.type, b"".join(_bytes(piece) for piece in variable.value.pieces()))
        for variable in batch.variables
    )
    arguments = tuple((each.name, each.variable, each.is_output) for each in batch.arguments)
    return Reading(variables, batch.procedure, arguments, batch.return_variable)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-16-le", "surrogatepass")


def sqlglot_reading(text: bytes) -> Reading:
    """What sqlglot reads; raises UnexpectedTextError, or SqlglotError."""
    *statements, last = sqlglot.parse(text.decode(), dialect="tsql")
    types, values = dict[str, str](), dict[str, bytes]()
    for statement in statements:
        match statement:
            case exp.Declare(expressions=[exp.DeclareItem() as item]) if item.args.get("default") is False:
                name = _only_name(item.this)
                types[_new(name, types)] = item.args["kind"].sql("tsql").lower()
            case exp.Set(expressions=[exp.SetItem(this=exp.EQ() as setting)]):
                values[_new(_variable(setting.this), values)] = _value(setting.expression)
            case _:
                raise UnexpectedTextError(type(statement).__name__)
    if not isinstance(last, exp.Execute) or types.keys() != values.keys():
        raise UnexpectedTextError("no EXECUTE at the end")
    variables = tuple((name, types[name], values[name]) for name in types)
    status = last.args.get("return_status")
    arguments = tuple(_argument(each) for each in last.expressions)
    return Reading(variables, _procedure(last.this), arguments, _variable(status) if status else "")


def _new(name: str, names: dict[str, str] | dict[str, bytes]) -> str:
    if name in names:
        raise UnexpectedTextError("twice")
    return name


def _only_name(parameters: list[exp.Expression]) -> str:
    (parameter,) = parameters
    return _variable(parameter)


def _variable(parameter: exp.Expression | None) -> str:
    if not isinstance(parameter, exp.Parameter):
        raise UnexpectedTextError("not a variable")
    return f"@{parameter.name}"


def _value(expression: exp.Expression) -> bytes:
    operands = list[bytes]()
    while isinstance(expression, exp.Add):
        operands.append(_operand(expression.expression))
        expression = expression.this
    return b"".join([_operand(expression), *reversed(operands)])


def _operand(operand: exp.Expression) -> bytes:
    match operand:
        case exp.Cast():
            if not operand.args["to"].sql("tsql").lower().endswith("(max)"):
                raise UnexpectedTextError("CAST")
            return _operand(operand.this)
        case exp.HexString():
            return bytes.fromhex(operand.name)
        case exp.Var(this="0x"):  # sqlglot knows no empty one
            return b""
        case exp.National() | exp.Literal(is_string=True):
            return _bytes(re.sub("\\\\\r?\n", "", operand.name))
        case exp.Anonymous(this=str(name)) if name.upper() == "NCHAR":
            (unit,) = operand.expressions
            return _bytes(chr(int(unit.name)))
    raise UnexpectedTextError(type(operand).__name__)


def _procedure(table: exp.Expression) -> tuple[str, ...]:
    if not isinstance(table, exp.Table) or table.args.keys() - {"this", "db", "catalog"}:
        raise UnexpectedTextError("not a procedure")
    names, last = [table.args.get("catalog"), table.args.get("db")], table.this
    tail = list[exp.Expression]()
    while isinstance(last, exp.Dot):  # a name of four parts
        tail.insert(0, last.expression)
        last = last.this
    parts = [name for name in (*names, last, *tail) if name is not None]
    return tuple(map(_part, parts))


def _part(part: str | exp.Expression) -> str:
    if isinstance(part, str):  # the gap of `db..p`
        return part
    mark = "##" if part.args.get("global_") else "#" if part.args.get("temporary") else ""
    return f"{mark}{part.name}"


def _argument(argument: exp.Expression) -> tuple[str, str, bool]:
    is_output = isinstance(argument, exp.Alias)
    if is_output and argument.args["alias"].name.upper() != "OUTPUT":
        raise UnexpectedTextError("an alias")
    pair = argument.this if is_output else argument
    if not isinstance(pair, exp.EQ):
        raise UnexpectedTextError("not an argument")
    return _variable(pair.this), _variable(pair.expression), is_output


def sqlfluff_statements(text: bytes) -> list[str]:
    """Types of the statements that sqlfluff reads."""
    return [next(iter(each.segments)).type for each in _fluff(text).recursive_crawl("statement")]


def sqlfluff_words(text: bytes) -> list[str]:
    """Literals, quoted names and variables that sqlfluff reads; every line break as a line feed."""
    return [each.raw for each in _fluff(text).recursive_crawl(*_FLUFF_WORDS)]


def _fluff(text: bytes) -> BaseSegment:
    parsed = _FLUFF.parse_string(text.decode())
    tree = parsed.tree
    assert tree is not None
    assert not parsed.violations, parsed.violations
    return tree
