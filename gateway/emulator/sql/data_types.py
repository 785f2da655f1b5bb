"""Scalar types of SQL Server: names, families, lengths."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from gateway.emulator.sql.errors import sql_error

Family = Literal["text", "binary", "integer", "exact", "approximate", "temporal", "guid"]

#: Length of the (max) types.
MAX: Final = -1
#: Length of a type that is cut nowhere: numbers, dates, and parameters without a size.
UNBOUNDED: Final = 0

_FAMILIES: Final[dict[Family, str]] = {
    "text": "char varchar nchar nvarchar text ntext xml",
    "binary": "binary varbinary image timestamp",
    "integer": "bit tinyint smallint int bigint",
    "exact": "decimal money smallmoney",
    "approximate": "float real",
    "temporal": "date time datetime datetime2 smalldatetime datetimeoffset",
    "guid": "uniqueidentifier",
}
FAMILY_OF: Final[dict[str, Family]] = {
    name: family for family, names in _FAMILIES.items() for name in names.split()
}
#: Other names of types, with the name that is used here.
_SYNONYMS: Final = {
    "numeric": "decimal", "dec": "decimal", "integer": "int", "character": "char", "rowversion": "timestamp",
    "sysname": "nvarchar",
}  # fmt: skip
_LIMITS: Final = {
    "char": 8000,
    "varchar": 8000,
    "nchar": 4000,
    "nvarchar": 4000,
    "binary": 8000,
    "varbinary": 8000,
}
_LARGE: Final = frozenset({"text", "ntext", "image", "xml"})
_UNICODE: Final = frozenset({"nchar", "nvarchar", "ntext", "xml"})
_INTEGER_RANGES: Final = {
    "bit": (0, 1),
    "tinyint": (0, 255),
    "smallint": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
_SPELLING: Final = re.compile(
    r"\s*(\w+)\s*(?:\(\s*(max|\d{1,9})\s*(?:,\s*(\d{1,9})\s*)?\)\s*)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class DataType:
    """A type: `length` in UTF-16 units, bytes, digits or digits of a second; `scale` of a decimal."""

    name: str
    length: int = UNBOUNDED
    scale: int = 0

    def __str__(self) -> str:
        if self.length == MAX and self.name not in _LARGE:
            return f"{self.name}(max)"
        return self.name

    @property
    def declaration(self) -> str:
        """The type as it is declared."""
        if self.length in {MAX, UNBOUNDED}:
            return str(self)
        return (
            f"{self.name}({self.length},{self.scale})"
            if self.name == "decimal"
            else f"{self.name}({self.length})"
        )

    @property
    def family(self) -> Family:
        """What its values are."""
        return FAMILY_OF[self.name]

    @property
    def is_unicode(self) -> bool:
        """Whether it is a text type that loses no character."""
        return self.name in _UNICODE

    @property
    def is_fixed(self) -> bool:
        """Whether short values are filled up to the length."""
        return self.name in {"char", "nchar", "binary"}

    @property
    def integer_range(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return _INTEGER_RANGES[self.name]


def parse_type(text: str) -> DataType:
    """Read a type as it is declared, for example `nvarchar(200)`. Raises SqlServerError."""
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise sql_error(2715, text)
    return make_type(match[1], [part for part in match.groups()[1:] if part is not None], default=1)


def make_type(name: str, arguments: list[str], default: int) -> DataType:
    """Build a type; `default` is the length where none is declared. Raises SqlServerError."""
    known = _SYNONYMS.get(name.lower(), name.lower())
    if known not in FAMILY_OF:
        raise sql_error(2715, name)
    if known in _LIMITS:
        return _string_type(known, arguments, 128 if name.lower() == "sysname" else default)
    if known in _LARGE:
        return DataType(known, MAX)
    if known == "timestamp":
        return DataType("binary", 8)
    return _number_type(known, arguments)


def _string_type(name: str, arguments: list[str], default: int) -> DataType:
    if not arguments:
        return DataType(name, default)
    if arguments[0].lower() == "max":
        if not name.startswith(("var", "nvar")):
            raise sql_error(102, "max")
        return DataType(name, MAX)
    return DataType(name, _check_length(name, int(arguments[0])))


def _check_length(name: str, length: int) -> int:
    if length == 0:
        raise sql_error(1001, length)
    if length > max(_LIMITS.values()):
        raise sql_error(131, length, name)
    if length > _LIMITS[name]:
        raise sql_error(2717, length, name, _LIMITS[name])
    return length


def _number_type(name: str, arguments: list[str]) -> DataType:
    if any(not argument.isdecimal() for argument in arguments):
        raise sql_error(102, "max")
    numbers = [int(argument) for argument in arguments]
    if name == "decimal":
        precision, scale = (*numbers, *(18, 0)[len(numbers) :])
        if not 1 <= precision <= 38 or scale > precision:  # noqa: PLR2004 - SQL Server's limit
            raise sql_error(1001, precision)
        return DataType(name, precision, scale)
    if name in {"datetime2", "time", "datetimeoffset"}:
        return DataType(name, 0, numbers[0] if numbers else 7)
    return DataType(name)


def variable_type(name: str, length: int) -> DataType:
    """Type of a string or binary of a length: (max) over 8,000 bytes."""
    return DataType(name, MAX if length > _LIMITS[name] else max(length, 1))


def length_limit(name: str) -> int:
    """Longest length of a type that is not (max), in units or bytes."""
    return _LIMITS[name]
