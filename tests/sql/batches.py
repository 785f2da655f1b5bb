"""Batches, and the text of each by a plain writer of the tests' own: not the product's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from gateway.sql.batch import Argument, Batch, Variable
from gateway.sql.names import quote_name

BINARY, TEXT = "varbinary(max)", "nvarchar(max)"
_ALONE = "\x00\ud800-\udfff"
_OPERANDS = re.compile(rf"[{_ALONE}]|(?:[^{_ALONE}\\]|\\(?![\r\n]))+|\\")


@dataclass(frozen=True)
class WholeValue:
    """A value in memory, given in pieces of `size`."""

    whole: str | bytes
    size: int = 50_000

    def pieces(self) -> Iterator[str] | Iterator[bytes]:
        for start in range(0, len(self.whole), self.size):
            yield self.whole[start : start + self.size]  # type: ignore[misc]


def batch_of(
    *values: str | bytes,
    procedure: tuple[str, ...] = ("dbo", "sp_X"),
    names: tuple[str, ...] = ("@Content", "@Note", "@c"),
    sql_type: str = "",
) -> Batch:
    """A batch that gives these values, a parameter of the client's own and an output to a procedure."""
    variables = tuple(
        Variable(name, sql_type or (BINARY if isinstance(value, bytes) else TEXT), WholeValue(value))
        for name, value in zip(names, values, strict=False)
    )
    arguments = tuple(Argument(variable.name, variable.name, is_output=False) for variable in variables)
    others = (Argument("@Title", "@Title", is_output=False), Argument("@id", "@id", is_output=True))
    return Batch(variables, procedure, (*arguments, *others), "@returnValue")


def text_of(batch: Batch) -> bytes:
    """The text of a batch whose values are of WholeValue."""
    lines = [f"DECLARE {variable.name} {variable.type};" for variable in batch.variables]
    lines += [f"SET {variable.name} = {literal(variable.value.whole)};" for variable in batch.variables]  # type: ignore[attr-defined]
    target = f"{batch.return_variable} = " if batch.return_variable else ""
    name = ".".join(quote_name(part) if part else "" for part in batch.procedure)
    arguments = ", ".join(
        f"{argument.name} = {argument.variable}{' OUTPUT' if argument.is_output else ''}"
        for argument in batch.arguments
    )
    return "\n".join([*lines, f"EXECUTE {target}{name} {arguments};\n"]).encode()


def literal(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    operands = [_operand(part) for part in _OPERANDS.findall(value)]
    if len(operands) == 1 and operands[0].startswith("N'"):
        return operands[0]
    return " + ".join(["CAST(N'' AS nvarchar(max))", *operands])


def _operand(part: str) -> str:
    if re.fullmatch(f"[{_ALONE}]", part):
        return f"NCHAR({ord(part)})"
    return "N'{}'".format(part.replace("'", "''"))


#: Texts of all of Unicode, with what T-SQL reads in a special way more often than by chance.
TEXTS = st.lists(
    st.text(st.characters(), max_size=4)
    | st.sampled_from(
        ["'", "''", "\\", "\\\n", "\\\r\n", "\r", "]", "--", "/*", "*/", "GO", "\x00", "\ud83d", "N'"]
    )
).map("".join)
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=64)
