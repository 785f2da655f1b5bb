"""Evaluation of a search over a practice's records, as R4 defines it (search.html 3.1.1.4, 3.1.1.5)."""

import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from oracle.dates import Stored, selects, stored, wanted
from oracle.parameters import PARAMETERS, Parameter, elements, local_reference

Row = dict[str, Any]
_DAY = 86_400 * 10**9  # nanoseconds


@dataclass
class Records:
    """The records of one practice as reads show them, by type and id."""

    tables: dict[str, dict[str, Row]]
    zone: ZoneInfo
    _values: dict[tuple[str, str], dict[str, list[Any]]] = field(default_factory=dict)

    def values(self, parameter: Parameter) -> dict[str, list[Any]]:
        """The values of a parameter by id; dates as spans."""
        key = (parameter.base, parameter.code)
        if key not in self._values:
            rows = self.tables.get(parameter.base, {})
            self._values[key] = {identity: self._row_values(parameter, row) for identity, row in rows.items()}
        return self._values[key]

    def _row_values(self, parameter: Parameter, row: Row) -> list[Any]:
        found = elements(parameter, row)
        if not parameter.is_date:
            return found
        return [stored(value, self.zone, is_instant=parameter.kind == "instant") for value in found]

    def select(self, kind: str, criteria: Iterable[tuple[str, Sequence[str]]], now: datetime) -> set[str]:
        """The ids of the records that meet every criterion: a name, and the values of which one must fit."""
        ids = set(self.tables.get(kind, {}))
        for name, values in criteria:
            ids &= self._ids(kind, name, values, now)
        return ids

    def _ids(self, kind: str, name: str, values: Sequence[str], now: datetime) -> set[str]:
        if name.startswith("_has:"):
            return self._ids_by_has(kind, name, values, now)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        parameter = PARAMETERS[kind][code]
        if dot:
            target = modifier or parameter.targets[0]
            inner = self._ids(target, rest, values, now)
            return self._referring(parameter, {f"{target}/{identity}" for identity in inner})
        return {
            identity
            for identity, found in self.values(parameter).items()
            if self._meets(parameter, modifier, found, values, now)
        }

    def _ids_by_has(self, kind: str, name: str, values: Sequence[str], now: datetime) -> set[str]:
        _, source, code, rest = name.split(":", 3)
        inner = self._ids(source, rest, values, now)
        references = self.values(PARAMETERS[source][code])
        targets = {target for identity in inner for target in references[identity]}
        return {target.partition("/")[2] for target in targets if target.startswith(f"{kind}/")} & set(
            self.tables.get(kind, {})
        )

    def _referring(self, parameter: Parameter, targets: set[str]) -> set[str]:
        return {identity for identity, found in self.values(parameter).items() if targets.intersection(found)}

    def _meets(
        self, parameter: Parameter, modifier: str, found: list[Any], values: Sequence[str], now: datetime
    ) -> bool:
        if modifier == "missing":
            return (not found) == (list(values) == ["true"])
        if parameter.is_date:
            return any(selects(wanted(value), item, now, self.zone) for value in values for item in found)
        matches = {"string": _string_matches, "token": _token_matches, "reference": _reference_matches}
        met = any(matches[parameter.kind](item, value, modifier) for value in values for item in found)
        return met != (modifier == "not")

    def included(self, matches: Iterable[tuple[str, str]], steps: Sequence[tuple[str, str]]) -> set[str]:
        """`Type/id` of what `_include` and `_revinclude` add to the matches, which it does not contain."""
        start = {f"{kind}/{identity}" for kind, identity in matches}
        seen, fresh, active = set(start), set(start), list(steps)
        while fresh and active:
            fresh = {local for step in active for local in self._follow(fresh, *step)} - seen
            seen |= fresh
            active = [step for step in steps if step[0].endswith(":iterate")]
        return seen - start

    def _follow(self, sources: set[str], name: str, value: str) -> set[str]:
        base, code, target = [*value.split(":"), "", ""][:3]
        found: set[str] = set()
        for parameter in _reference_parameters(base, code or "*"):
            for identity, references in self.values(parameter).items():
                local = f"{parameter.base}/{identity}"
                if name.startswith("_revinclude"):
                    wanted_targets = {
                        item for item in references if not target or item.startswith(f"{target}/")
                    }
                    found |= {local} if wanted_targets & sources else set()
                elif local in sources:
                    found |= {item for item in references if not target or item.startswith(f"{target}/")}
        return {local for local in found if self._exists(local)}

    def _exists(self, local: str) -> bool:
        kind, _, identity = local.partition("/")
        return identity in self.tables.get(kind, {})

    def is_sorted(self, kind: str, ids: Sequence[str], key: str) -> bool:
        """Whether ids are in the order of a `_sort` key; those without a value may be first or last.

        Times are in order on UTC or on the wall clock: a column of wall times mixes the repeated hour.
        """
        code, descending = key.lstrip("-"), key.startswith("-")
        parameter = PARAMETERS[kind][code]
        values = self.values(parameter)
        present = [bool(values[identity]) for identity in ids]
        if present not in (sorted(present), sorted(present, reverse=True)):
            return False
        keys = [_sort_keys(parameter, values[identity][0]) for identity in ids if values[identity]]
        keys = keys[::-1] if descending else keys
        return all(
            any(first <= second for first, second in zip(one, other, strict=True))
            for one, other in itertools.pairwise(keys)
        )


def _sort_keys(parameter: Parameter, value: Any) -> tuple[Any, ...]:
    if isinstance(value, Stored):
        is_day = value.wall.high - value.wall.low >= _DAY  # as midnight in a column of UTC
        return value.utc.low, value.wall.low, value.wall.low if is_day else value.utc.low
    text = str(value)
    return ((not text.isdecimal(), int(text) if text.isdecimal() else 0, _folded(text)),)


def _reference_parameters(base: str, code: str) -> list[Parameter]:
    return [
        parameter
        for table in PARAMETERS.values()
        for parameter in table.values()
        if parameter.kind == "reference" and base in {"*", parameter.base} and code in {"*", parameter.code}
    ]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def _string_matches(value: str, search: str, modifier: str) -> bool:
    if modifier == "exact":
        return value == search
    if modifier == "contains":
        return _folded(search) in _folded(value)
    return _folded(value).startswith(_folded(search))


def _reference_matches(value: str, search: str, modifier: str) -> bool:
    local = local_reference(search)
    if "/" in local:
        return value == local
    return value == f"{modifier}/{local}" if modifier else value.partition("/")[2] == local


def _token_matches(value: Any, search: str, modifier: str) -> bool:
    """Whether an element has the token `code`, `system|code` or `system|`, or with `:text` begins with it."""
    tokens = _tokens(value)
    if modifier == "text":
        return any(text and _folded(text).startswith(_folded(search)) for _, _, text in tokens)
    system, bar, code = search.rpartition("|")
    return any(
        bool(own_code)
        and (not bar or own_system in (None, system))
        and (own_code == code or (bar and not code))
        for own_system, own_code, _ in tokens
    )


def _tokens(value: Any) -> list[tuple[str | None, str, str]]:
    if isinstance(value, bool):
        return [(None, "true" if value else "false", "")]
    if isinstance(value, str):
        return [(None, value, "")]
    if "coding" in value or set(value) == {"text"}:
        codings = [
            (c.get("system", ""), c.get("code", ""), c.get("display", "")) for c in value.get("coding", [])
        ]
        return [*codings, ("", "", value.get("text", ""))]
    return [(value.get("system", ""), value.get("value") or value.get("code", ""), value.get("display", ""))]
