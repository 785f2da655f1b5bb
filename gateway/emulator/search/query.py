"""Parsing of search parameters into criteria and result parameters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.emulator.search.parameters import PARAMETERS, RESOURCE_TYPES, Parameter
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
    "reference": {"", "missing", *RESOURCE_TYPES},
    "date": {"", "missing"},
}
Pair = tuple[str, str]


@dataclass(frozen=True)
class Criterion:
    """A condition on `base`. With `inner`: a chain over `parameter`, or a `_has` if `is_reverse`."""

    base: str
    parameter: Parameter
    modifier: str = ""
    values: tuple[str, ...] = ()
    inner: "Criterion | None" = None
    is_reverse: bool = False


@dataclass
class ParsedSearch:
    """A parsed search: `used_pairs` are applied, the parameters in `ignored_names` are not."""

    base: str
    criteria: list[Criterion] = field(default_factory=list)
    used_pairs: list[Pair] = field(default_factory=list)
    ignored_names: list[str] = field(default_factory=list)
    includes: list[Pair] = field(default_factory=list)
    sort: list[tuple[Parameter, bool]] = field(default_factory=list)
    count: int = DEFAULT_COUNT
    summary: str = "false"
    elements: tuple[str, ...] = ()
    total: str = "accurate"


def parse_search(base: str, pairs: Sequence[Pair], dropped: frozenset[str] = frozenset()) -> ParsedSearch:
    """Parse the parameters of a search on a resource type. Raises Refusal (400) if one is malformed.

    `dropped` names parameters that the site does not apply, as `Type.code` or `*.code`; the code may include
    modifier and chain.
    """
    search = ParsedSearch(base)
    for name, value in pairs:
        if not value:
            continue
        if not _is_dropped(base, name, dropped) and _add_parameter(search, name, value):
            search.used_pairs.append((name, value))
        else:
            search.ignored_names.append(name)
    return search


def split_values(text: str) -> tuple[str, ...]:
    r"""Split a comma list into its values, with the escapes `\,` `\|` `\$` and `\\` resolved."""
    parts = re.findall(r"((?:\\.|[^,\\])*)(?:,|$)", text)[:-1] if text else []
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts if part)


def parse_criterion(base: str, name: str, value: str) -> Criterion | None:
    """Parse a condition on a resource type, or return None if the type has no such parameter."""
    if name.startswith("_has:"):
        return _parse_has(base, name, value)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = PARAMETERS.get((base, code))
    if parameter is None:
        return None
    if dot:
        return _parse_chain(parameter, modifier, rest, value)
    if modifier not in MODIFIERS[parameter.type]:
        raise bad_argument("Unsupported modifier")
    return Criterion(base, parameter, modifier, split_values(value))


def _parse_chain(parameter: Parameter, target: str, rest: str, value: str) -> Criterion | None:
    targets = [target] if target else list(parameter.targets)
    criteria = (parse_criterion(name, rest, value) for name in targets if name in RESOURCE_TYPES)
    inner = next(filter(None, criteria), None)
    return Criterion(parameter.base, parameter, inner=inner) if inner else None


def _parse_has(base: str, name: str, value: str) -> Criterion | None:
    _, source, code, rest = [*name.split(":", 3), "", "", ""][:4]
    parameter, inner = PARAMETERS.get((source, code)), parse_criterion(source, rest, value)
    if parameter is None or base not in parameter.targets or inner is None:
        return None
    return Criterion(base, parameter, inner=inner, is_reverse=True)


def _is_dropped(base: str, name: str, dropped: frozenset[str]) -> bool:
    code = re.split("[:.]", name, maxsplit=1)[0]
    return not dropped.isdisjoint({f"{kind}.{part}" for kind in (base, "*") for part in (name, code)})


def _add_parameter(search: ParsedSearch, name: str, value: str) -> bool:
    if name not in RESULT_PARAMETERS:
        criterion = parse_criterion(search.base, name, value)
        if criterion:
            search.criteria.append(criterion)
        return criterion is not None
    if name in {"_include", "_revinclude", "_include:iterate", "_revinclude:iterate"}:
        return _add_include(search, name, value)
    if name == "_sort":
        return _set_sort(search, value)
    if name == "_count":
        search.count = _parse_count(value)
    elif name == "_elements":
        search.elements = split_values(value)
    elif name in {"_summary", "_total"}:
        setattr(search, name.removeprefix("_"), value)
    return True


def _add_include(search: ParsedSearch, name: str, value: str) -> bool:
    source, _, rest = value.partition(":")
    code = rest.partition(":")[0]
    is_known = code == "*" or value == "*" or (source, code) in PARAMETERS
    if is_known:
        search.includes.append((name, value))
    return is_known


def _set_sort(search: ParsedSearch, value: str) -> bool:
    keys = [(PARAMETERS.get((search.base, key.lstrip("-"))), key.startswith("-")) for key in value.split(",")]
    search.sort = [(parameter, descending) for parameter, descending in keys if parameter]
    return len(search.sort) == len(keys)


def _parse_count(value: str) -> int:
    if not value.isdecimal():
        raise bad_argument("_count must be a whole number")
    return min(int(value), MAX_COUNT)
