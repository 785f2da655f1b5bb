"""Parts of a split search: to which of them a match belongs.

Disjoint parts return the same match if the upstream ignores the date, or compares stored dates as ranges. It
then belongs to the first part in whose conditions it lies, so that it is returned once, on whatever pages the
parts are. Of overlapping parts, `DatePlan.is_match_of` decides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from msgspec.structs import replace

from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.plan import DatePlan
from gateway.dates.registry import DateParameter
from gateway.dates.value import DateValue, parse_date_value
from gateway.exchange import FhirRequest, Site

#: Conditions of one part on one parameter; a match meets each.
_Conditions = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartCriterion:
    """Conditions of each part on one date parameter.

    They are wall times of the column, whose zone is `zone`. `by_start`: the element is a point; upstreams
    compare its start, or the range of its unit.
    """

    parameter: DateParameter
    zone: tzinfo
    conditions: tuple[_Conditions, ...]
    by_start: bool

    def excludes(self, part: int, resource: Mapping[str, Any]) -> bool:
        """Whether a match belongs to another part: a match in no part's conditions belongs to all."""
        distinct = dict.fromkeys(self.conditions)
        first = next((own for own in distinct if self._meets(own, resource)), None)
        return first is not None and first != self.conditions[part]

    def _meets(self, conditions: _Conditions, resource: Mapping[str, Any]) -> bool:
        repeats = tuple(tuple(map(self._parse, text.split(","))) for text in conditions)
        return meets_predicate(DatePredicate(self.parameter, repeats), resource, self.zone)

    def _parse(self, text: str) -> DateValue:
        value = parse_date_value(text)
        return _on_start(value) if self.by_start else value


def part_criteria(request: FhirRequest) -> tuple[PartCriterion, ...]:
    """Return the criteria in which the parts of a request differ, if the matches contain their dates."""
    if request.site is None or len(request.plan.split_searches or ()) < 2:  # noqa: PLR2004 - one part is all
        return ()
    return tuple(_criteria(request, request.site))


def _criteria(request: FhirRequest, site: Site) -> Iterator[PartCriterion]:
    for plan in request.plan.date_plans:
        if plan.is_split and not plan.dedupe and plan.predicate is not None:
            parameter = plan.predicate.parameter
            zone = site.date_support.column_clock(parameter, site.zone).zones[0]
            conditions = tuple(search.values(plan.name) for search in request.plan.split_searches or ())
            by_start = site.date_support.has_points(parameter)
            yield PartCriterion(parameter, zone, conditions, by_start)


def keeps_order(plan: DatePlan) -> bool:
    """Whether the parts of a plan, one after the other, are in the order of its date."""
    return not plan.dedupe


def _on_start(value: DateValue) -> DateValue:
    """Return the condition on the start of a stored date: `ge` as the range that ends where it begins."""
    if value.prefix != "ge":
        return value
    return replace(value, prefix="sa", start=value.start - 1, end=value.start)
