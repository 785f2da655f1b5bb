"""Values with their type, their concatenation, and how they fit a type."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gateway.emulator.sql.data_types import MAX, UNBOUNDED, DataType, length_limit, variable_type
from gateway.emulator.sql.errors import NotInterpreted, sql_error

#: Text as UTF-16 units, bytes, numbers; dates, times and GUIDs in their canonical spelling.
Data = str | bytes | int | Decimal | float | None

#: The 256 characters of code page 1252 as Windows has it: five bytes stand for control characters.
CODE_PAGE: Final = "".join(
    bytes([byte]).decode("cp1252") if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(byte)
    for byte in range(256)
)
_OUTSIDE_CODE_PAGE: Final = re.compile(f"[^{re.escape(CODE_PAGE)}]")


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a type; None is NULL."""

    type: DataType
    data: Data


#: The constant NULL.
NULL: Final = Value(DataType("int"), None)


def string_constant(units: str, *, is_unicode: bool) -> Value:
    """Value of '…' or N'…': (max) over 8,000 bytes."""
    name = "nvarchar" if is_unicode else "varchar"
    data = units if is_unicode else lose_characters(units)
    return Value(variable_type(name, len(data)), data)


def binary_constant(digits: str) -> Value:
    """Value of 0x…: (max) over 8,000 bytes. A missing first digit is 0."""
    data = bytes.fromhex("0" * (len(digits) % 2) + digits)
    return Value(variable_type("varbinary", len(data)), data)


def lose_characters(units: str) -> str:
    """Replace each unit that code page 1252 lacks with `?`."""
    return units if units.isascii() else _OUTSIDE_CODE_PAGE.sub("?", units)


def fit(data: str | bytes, target: DataType) -> Value:
    """Fit text or binary into a type: code page, length, fill."""
    if isinstance(data, str) and not target.is_unicode:
        data = lose_characters(data)
    if target.length in {MAX, UNBOUNDED}:
        return Value(target, data)
    return Value(target, _fill(data[: target.length], target))


def _fill(data: str | bytes, target: DataType) -> str | bytes:
    if not target.is_fixed:
        return data
    return data.ljust(target.length) if isinstance(data, str) else data.ljust(target.length, b"\0")


def concatenate(operands: list[Value]) -> Value:
    """Add strings or binaries from the left; each step is cut to 8,000 bytes unless an operand is (max)."""
    typed = [operand for operand in operands if operand is not NULL]
    if not typed:
        raise NotInterpreted("+")
    total = Concatenation(typed[0])
    for operand in typed[1:]:
        total.add(operand)
    return Value(total.type, None) if len(typed) < len(operands) else total.value()


class Concatenation:
    """A sum under way: its pieces, their length, and the type that they have so far."""

    def __init__(self, first: Value) -> None:
        self.type = DataType(_sum_type(first.type, first.type), first.type.length)
        self._pieces = [first.data]
        self._length = _length(first)
        self._is_null = first.data is None

    def add(self, operand: Value) -> None:
        """Append an operand. Raises SqlServerError 402 for text with binary."""
        is_large = MAX in {self.type.length, operand.type.length}
        name = _sum_type(self.type, operand.type)
        self._is_null |= operand.data is None
        self._pieces.append(operand.data)
        self._length += _length(operand)
        limit = length_limit(name)
        self.type = DataType(name, MAX if is_large else min(self._length or 1, limit))
        if not is_large and self._length > limit:
            self._cut(limit)

    def value(self) -> Value:
        """Return the sum; NULL if an operand was NULL."""
        return Value(self.type, None if self._is_null else self._join())

    def _cut(self, limit: int) -> None:
        self._pieces = [self._join()[:limit]]
        self._length = limit

    def _join(self) -> str | bytes:
        if self.type.family == "binary":
            return b"".join(piece for piece in self._pieces if isinstance(piece, bytes))
        return "".join(piece for piece in self._pieces if isinstance(piece, str))


def _length(value: Value) -> int:
    return len(value.data) if isinstance(value.data, str | bytes) else 0


def _sum_type(left: DataType, right: DataType) -> str:
    if {left.name, right.name} & {"text", "ntext", "image", "xml"}:
        raise sql_error(402, left, right)
    families = {left.family, right.family}
    if families == {"binary"}:
        return "varbinary"
    if families == {"text"}:
        return "nvarchar" if left.is_unicode or right.is_unicode else "varchar"
    if families == {"text", "binary"}:
        raise sql_error(402, left, right)
    raise NotInterpreted("+")
