"""Search engine: selection and order of a practice's rows."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import product
from typing import Any

from gateway.emulator.data.records import Record
from gateway.emulator.practice import Practice
from gateway.emulator.search.date_models import date_matches, widen_approximate
from gateway.emulator.search.dates import ColumnValue, parse_search_value
from gateway.emulator.search.parameters import Parameter
from gateway.emulator.search.query import Criterion, ParsedSearch
from gateway.emulator.search.refusal import bad_argument
from gateway.emulator.search.values import fold_text, reference_matches, string_matches, token_matches
from gateway.emulator.settings import Variants

Predicate = Callable[[list[Any]], bool]


class SearchEngine:
    """Search over one practice under one site's variants.

    `exact_dates` is the fault `search-date-format`, `hides_inactive` the fault `inactive-records`.
    """

    def __init__(
        self,
        practice: Practice,
        variants: Variants,
        now: datetime,
        *,
        exact_dates: bool,
        hides_inactive: bool,
    ) -> None:
        self.practice, self.variants, self.now = practice, variants, now
        self.exact_dates, self.hides_inactive = exact_dates, hides_inactive

    def select(self, search: ParsedSearch) -> list[Record]:
        """Return the matching rows in the order of `_sort`, else of the table."""
        matching_ids = set.intersection(
            {record.resource["id"] for record in self.visible_records(search.base)},
            *(self._matching_ids(criterion) for criterion in search.criteria),
        )
        records = [row for row in self.visible_records(search.base) if row.resource["id"] in matching_ids]
        for parameter, descending in reversed(search.sort):
            records.sort(key=self._sort_key(parameter), reverse=descending)
        return records

    def visible_records(self, resource_type: str) -> Iterable[Record]:
        """Return the rows of a type that Halo returns."""
        return self.practice.records(resource_type, active_only=self.hides_inactive)

    def parameter_values(self, parameter: Parameter) -> dict[str, list[Any]]:
        """Return the values of a parameter in the visible rows, by id."""
        zone = self.practice.column_zone(parameter, self.variants)
        return self.practice.index.values(parameter, self.visible_records(parameter.base), zone)

    def _matching_ids(self, criterion: Criterion) -> set[str]:
        if criterion.inner:
            return self._ids_by_reference(criterion, criterion.inner)
        predicate = self._value_predicate(criterion)
        columns = self.parameter_values(criterion.parameter)
        return {identity for identity, values in columns.items() if predicate(values)}

    def _ids_by_reference(self, criterion: Criterion, inner: Criterion) -> set[str]:
        inner_ids, references = self._matching_ids(inner), self.parameter_values(criterion.parameter)
        if criterion.is_reverse:
            targets = {target for identity in inner_ids for target in references.get(identity, [])}
            prefix = f"{criterion.base}/"
            return {target.removeprefix(prefix) for target in targets if target.startswith(prefix)}
        targets = {f"{inner.base}/{identity}" for identity in inner_ids}
        return {identity for identity, values in references.items() if targets.intersection(values)}

    def _value_predicate(self, criterion: Criterion) -> Predicate:
        if criterion.modifier == "missing":
            is_missing = criterion.values == ("true",)
            return lambda values: (not values) == is_missing
        if criterion.parameter.type == "date":
            return self._date_predicate(criterion)
        matches, modifier = _MATCHERS[criterion.parameter.type], criterion.modifier

        def predicate(values: list[Any]) -> bool:
            pairs = product(values, criterion.values)
            return any(matches(*pair, modifier) for pair in pairs) != (modifier == "not")

        return predicate

    def _date_predicate(self, criterion: Criterion) -> Predicate:
        zone = self.practice.column_zone(criterion.parameter, self.variants)
        values = [parse_search_value(value, zone, exact_only=self.exact_dates) for value in criterion.values]
        if not self.variants.sa_eb and any(value.prefix in {"sa", "eb"} for value in values):
            raise bad_argument("Unsupported search prefix")
        now = self.now.astimezone(zone).replace(tzinfo=None)
        values = [widen_approximate(value, now) if value.prefix == "ap" else value for value in values]
        return lambda columns: any(date_matches(*pair, self.variants) for pair in product(columns, values))

    def _sort_key(self, parameter: Parameter) -> Callable[[Record], tuple[Any, ...]]:
        columns = self.parameter_values(parameter)

        def key(record: Record) -> tuple[Any, ...]:
            values = columns[record.resource["id"]]
            return (True, _sortable_value(values[0])) if values else (False,)

        return key


def _sortable_value(value: Any) -> tuple[bool, Any]:
    """Return a sort key with numbers before text."""
    if isinstance(value, ColumnValue):
        return True, value.raw
    text = str(value[1] if isinstance(value, tuple) else value).rpartition("/")[2]
    return (False, int(text)) if text.isdecimal() else (True, fold_text(text))


_MATCHERS: dict[str, Callable[[Any, str, str], bool]] = {
    "string": string_matches,
    "token": token_matches,
    "reference": reference_matches,
}
