"""Parts of a split search: to which of them a match belongs.

Parts may return the same match if their conditions overlap, if a stored date is partial, or if the upstream
ignores the date. A match then belongs to the first part in whose conditions it lies, so that it is returned
once, on whatever pages the parts are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import msgspec

from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.plan import DatePlan
from gateway.dates.registry import DateParameter
from gateway.dates.value import DateValue, parse_date_value
from gateway.exchange import FhirRequest, Site
from gateway.fhir.bundle import Bundle
from gateway.search.match_sample import sample_matches

_decode = msgspec.json.Decoder(dict[str, Any]).decode

#: Conditions of one part on one parameter; a match meets each.
_Conditions = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartCriterion:
    """Conditions of each part on one date parameter.

    They are wall times of the column, whose zone is `zone`. `is_disjoint`: the upstream returns a match in
    one part only. `by_start`: the element is a point; upstreams compare its start, or the range of its unit.
    """

    parameter: DateParameter
    zone: tzinfo
    conditions: tuple[_Conditions, ...]
    is_disjoint: bool
    by_start: bool

    def excludes(self, part: int, resource: Mapping[str, Any]) -> bool:
        """Whether a match belongs to another part: a match in no part's conditions belongs to all."""
        distinct = dict.fromkeys(self.conditions)
        first = next((own for own in distinct if self._meets(own, resource, by_start=self.by_start)), None)
        return first is not None and first != self.conditions[part]

    def is_contradicted(self, part: int, resource: Mapping[str, Any]) -> bool:
        """Whether a match shows that the upstream ignored the conditions of this part."""
        if not self.is_disjoint or not self.excludes(part, resource):
            return False
        return not self._meets(self.conditions[part], resource, by_start=False)

    def _meets(self, conditions: _Conditions, resource: Mapping[str, Any], *, by_start: bool) -> bool:
        values = [parse_date_value(text) for text in conditions]
        repeats = tuple((_on_start(value) if by_start else value,) for value in values)
        return meets_predicate(DatePredicate(self.parameter, repeats), resource, self.zone)


def part_criteria(request: FhirRequest) -> tuple[PartCriterion, ...]:
    """Return the criteria in which the parts of a request differ, if the matches contain their dates."""
    if request.site is None or len(request.plan.split_searches or ()) < 2:  # noqa: PLR2004 - one part is all
        return ()
    return tuple(_criteria(request, request.site))


def _criteria(request: FhirRequest, site: Site) -> Iterator[PartCriterion]:
    for plan in request.plan.date_plans:
        if plan.is_split and plan.predicate is not None:
            parameter = plan.predicate.parameter
            zone = site.date_support.column_zone(parameter, site.zone)
            conditions = tuple(search.values(plan.name) for search in request.plan.split_searches or ())
            by_start = site.date_support.has_points(parameter)
            yield PartCriterion(parameter, zone, conditions, not plan.dedupe, by_start)


def contradicts_part(criteria: Sequence[PartCriterion], part: int, bundle: Bundle) -> bool:
    """Whether a match contains a date that the conditions of this part exclude."""
    if not criteria:
        return False
    resources = [_decode(entry.resource) for entry in sample_matches(bundle) if entry.resource is not None]
    return any(criterion.is_contradicted(part, found) for found in resources for criterion in criteria)


def keeps_order(plan: DatePlan) -> bool:
    """Whether the parts of a plan, one after the other, are in the order of its date."""
    parameter = plan.predicate.parameter if plan.predicate else None
    is_single_point = parameter is not None and parameter.kind != "range" and not parameter.multi_valued
    return is_single_point or not plan.dedupe


def _on_start(value: DateValue) -> DateValue:
    """Return the condition on the start of a stored date: `ge` as the range that ends where it begins."""
    if value.prefix != "ge":
        return value
    return replace(value, prefix="sa", start=value.start - 1, end=value.start)
