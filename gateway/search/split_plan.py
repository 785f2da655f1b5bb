"""Plan of a client's search: the upstream searches that give the exact result for its date criteria."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.dates import planner
from gateway.dates.plan import DatePlan, DateProblem, combine_plans, require_selective
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.search.limits import require_few_dates
from gateway.search.operation_dates import plan_history_parameter, plan_operation_parameter

#: Parameters that may remove from a resource the element that a date criterion tests.
ELEMENT_HIDING_PARAMETERS = frozenset({"_elements", "_summary"})
_UNCHANGED_STRATEGIES = frozenset({"ignored", "pass-through"})


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Upstream searches in order, none if provably nothing matches; or the problem that prevents them."""

    date_plans: tuple[DatePlan, ...] = ()
    split_searches: tuple[SearchParams, ...] = ()
    problem: DateProblem | None = None


def plan_search(request: FhirRequest, criteria: SearchParams, site: Site) -> SplitPlan | None:
    """Return the plan for the date criteria among some criteria of a request; None without dates.

    Raises Failure 400 for more date values than the site's support permits.
    """
    plans = _plan_dates(request, criteria, site)
    if not plans:
        return None
    names = {plan.name for plan in plans}
    if not any(_is_selective(parameter) for parameter in criteria.parameters if parameter.name not in names):
        plans = [require_selective(plan) for plan in plans]
    queries = combine_plans(plans, site.date_support.max_split_queries)
    if queries.problem:
        return SplitPlan(tuple(plans), problem=queries.problem)
    visible = criteria.map_parameters(_drop_if_hiding) if queries.filters or queries.dedupe else criteria
    return _in_sort_order(
        tuple(plans), tuple(_with_date_values(visible, names, pairs) for pairs in queries.queries), criteria
    )


def _plan_dates(request: FhirRequest, criteria: SearchParams, site: Site) -> list[DatePlan]:
    support, declared = site.date_support, site.date_support.declared_parameters
    if declared:  # the dates of R4 were counted when the search was parsed
        require_few_dates(support.max_date_values, request.interaction.type, criteria.parameters, declared)
    plans = (_plan_date(request, site, *criterion) for criterion in criteria.values_by_name.items())
    return [plan for plan in plans if plan is not None and plan.strategy not in _UNCHANGED_STRATEGIES]


def _plan_date(request: FhirRequest, site: Site, name: str, values: tuple[str, ...]) -> DatePlan | None:
    interaction, support, zone = request.interaction, site.date_support, site.zone
    if interaction.code == "history":
        return plan_history_parameter(interaction, name, values, site)
    if interaction.code == "operation":
        return plan_operation_parameter(interaction, name, values, site, request.received_at)
    if not _has_search_criteria(interaction):
        return None
    return planner.plan_parameter(interaction.type, name, values, support, zone, request.received_at)


def _has_search_criteria(interaction: Interaction) -> bool:
    return interaction.is_search or interaction.is_write


def _is_selective(parameter: Parameter) -> bool:
    """Whether a parameter narrows the result."""
    return not parameter.name.startswith("_") or parameter.name in {"_id", "_has"}


def _drop_if_hiding(parameter: Parameter) -> tuple[Parameter, ...]:
    """Drop a parameter that would hide the element a filter tests, or all matches."""
    return (
        ()
        if parameter.name in ELEMENT_HIDING_PARAMETERS or (parameter.name, parameter.value) == ("_count", "0")
        else (parameter,)
    )


def _with_date_values(
    search: SearchParams, names: set[str], pairs: tuple[tuple[str, str], ...]
) -> SearchParams:
    """Return the search with its date parameters replaced, at the place of the first of each name."""
    new_values: dict[str, list[str]] = {name: [] for name in names}
    for name, value in pairs:
        new_values[name].append(value)
    if all(search.values(name) == tuple(values) for name, values in new_values.items()):
        return search
    placed = set[str]()

    def replace_values(parameter: Parameter) -> Iterable[Parameter]:
        if parameter.name not in new_values:
            return (parameter,)
        values = () if parameter.name in placed else new_values[parameter.name]
        placed.add(parameter.name)
        return map(parameter.with_value, values)

    return search.map_parameters(replace_values)


def _in_sort_order(
    plans: tuple[DatePlan, ...], split_searches: tuple[SearchParams, ...], criteria: SearchParams
) -> SplitPlan:
    """Return the plan with its parts in the order of `_sort`; a problem if only merging gives that order."""
    key = ",".join(criteria.values("_sort")).split(",")[0]
    if len(split_searches) <= 1 or not key:
        return SplitPlan(plans, split_searches)
    if [plan.name for plan in plans if len(plan.queries) > 1] != [key.removeprefix("-")]:
        return SplitPlan(plans, problem=_SORT_NOT_SUPPORTED)
    return SplitPlan(plans, split_searches[::-1] if key.startswith("-") else split_searches)


_SORT_NOT_SUPPORTED = DateProblem(
    "not-supported",
    "MSG_SORT_UNKNOWN",
    "The date criterion needs several upstream queries, whose results cannot be merged in this order, so none"
    " was sent. Remove _sort, or sort by the date parameter.",
    "http._sort",
)
