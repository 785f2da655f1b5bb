"""The batch that a rewrite means, against which its text is proved: variables, one procedure, arguments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class Value(Protocol):
    """Value of a literal or of a parameter, never copied whole."""

    def pieces(self) -> Iterator[str] | Iterator[bytes]:
        """Yield `str` of a text (lone surrogates stay), or `bytes` of a binary value, in order."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the batch declares and sets: `@Content`, `varbinary(max)` in lower case."""

    name: str
    type: str
    value: Value


@dataclass(frozen=True, slots=True)
class Argument:
    """One `@name = @variable [OUTPUT]` of the procedure."""

    name: str
    variable: str
    is_output: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Variables, then one procedure of 1 to 4 name parts; `return_variable` is empty without one."""

    variables: tuple[Variable, ...]
    procedure: tuple[str, ...]
    arguments: tuple[Argument, ...]
    return_variable: str
