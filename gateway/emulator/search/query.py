"""The parameters of a search request, sorted into criteria and result parameters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.emulator.search.parameters import PARAMETERS, TYPES, Parameter
from gateway.emulator.search.refusal import bad_argument

MAX_COUNT: Final = 1000
DEFAULT_COUNT: Final = 20
RESULT_PARAMETERS: Final = {
    "_sort", "_count", "_summary", "_elements", "_total", "_format", "_pretty",
    "_include", "_include:iterate", "_revinclude", "_revinclude:iterate",
}  # fmt: skip
MODIFIERS: Final = {
    "string": {"", "exact", "contains", "missing"},
    "token": {"", "not", "text", "missing"},
    "reference": {"", "missing", *TYPES},
    "date": {"", "missing"},
}
Pair = tuple[str, str]


@dataclass(frozen=True)
class Criterion:
    """One condition on `base`. With `inner`, a chain over `parameter`, or (`reverse`) a `_has` through it."""

    base: str
    parameter: Parameter
    modifier: str = ""
    values: tuple[str, ...] = ()
    inner: "Criterion | None" = None
    reverse: bool = False


@dataclass
class Search:
    """A search as understood: `used` are the pairs it honours, `ignored` the names it does not."""

    base: str
    criteria: list[Criterion] = field(default_factory=list)
    used: list[Pair] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    includes: list[Pair] = field(default_factory=list)
    sort: list[tuple[Parameter, bool]] = field(default_factory=list)
    count: int = DEFAULT_COUNT
    summary: str = "false"
    elements: tuple[str, ...] = ()
    total: str = "accurate"


def understood(base: str, pairs: Sequence[Pair]) -> Search:
    """The search a list of parameters asks for on a resource type. Raises Refusal for malformed ones."""
    search = Search(base)
    for name, value in pairs:
        if not value:
            continue
        if _understand(search, name, value):
            search.used.append((name, value))
        else:
            search.ignored.append(name)
    return search


def split_values(text: str) -> tuple[str, ...]:
    r"""The alternatives of a comma list; `\,` `\|` `\$` and `\\` stand for the characters themselves."""
    parts = re.findall(r"((?:\\.|[^,\\])*)(?:,|$)", text)[:-1] if text else []
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts if part)


def criterion(base: str, name: str, value: str) -> Criterion | None:
    """One condition on a resource type, or None when the type has no such parameter."""
    if name.startswith("_has:"):
        return _has(base, name, value)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = PARAMETERS.get((base, code))
    if parameter is None:
        return None
    if dot:
        return _chain(parameter, modifier, rest, value)
    if modifier not in MODIFIERS[parameter.type]:
        raise bad_argument("Unsupported modifier")
    return Criterion(base, parameter, modifier, split_values(value))


def _chain(parameter: Parameter, target: str, rest: str, value: str) -> Criterion | None:
    targets = [target] if target else list(parameter.targets)
    inner = next(filter(None, (criterion(each, rest, value) for each in targets if each in TYPES)), None)
    return Criterion(parameter.base, parameter, inner=inner) if inner else None


def _has(base: str, name: str, value: str) -> Criterion | None:
    _, source, code, rest = [*name.split(":", 3), "", "", ""][:4]
    parameter, inner = PARAMETERS.get((source, code)), criterion(source, rest, value)
    if parameter is None or base not in parameter.targets or inner is None:
        return None
    return Criterion(base, parameter, inner=inner, reverse=True)


def _understand(search: Search, name: str, value: str) -> bool:
    if name not in RESULT_PARAMETERS:
        found = criterion(search.base, name, value)
        if found:
            search.criteria.append(found)
        return found is not None
    if name in {"_include", "_revinclude", "_include:iterate", "_revinclude:iterate"}:
        return _include(search, name, value)
    if name == "_sort":
        return _sort(search, value)
    if name == "_count":
        search.count = _count(value)
    elif name == "_elements":
        search.elements = split_values(value)
    elif name in {"_summary", "_total"}:
        setattr(search, name.removeprefix("_"), value)
    return True


def _include(search: Search, name: str, value: str) -> bool:
    source, _, rest = value.partition(":")
    code = rest.partition(":")[0]
    known = code == "*" or value == "*" or (source, code) in PARAMETERS
    if known:
        search.includes.append((name, value))
    return known


def _sort(search: Search, value: str) -> bool:
    keys = [(PARAMETERS.get((search.base, key.lstrip("-"))), key.startswith("-")) for key in value.split(",")]
    search.sort = [(parameter, descending) for parameter, descending in keys if parameter]
    return len(search.sort) == len(keys)


def _count(value: str) -> int:
    if not value.isdecimal():
        raise bad_argument("_count must be a whole number")
    return min(int(value), MAX_COUNT)
