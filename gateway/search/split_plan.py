"""Plan of a client's search: the upstream searches that give the exact result for its date criteria."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.dates import planner
from gateway.dates.plan import DatePlan, DateProblem, combine_plans, require_selective
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.search.limits import require_few_dates
from gateway.search.operation_dates import plan_history_parameter, plan_operation_parameter
from gateway.search.parts import keeps_order

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
    plan = _plan_criteria(request, criteria, site)
    if plan is None or criteria.is_count or len(plan.split_searches) < 2:  # noqa: PLR2004 - one part is in order
        return plan
    return _in_sort_order(plan, criteria) or _plan_single_search(request, criteria, site)


def _plan_criteria(request: FhirRequest, criteria: SearchParams, site: Site) -> SplitPlan | None:
    plans = _plan_dates(request, criteria, site)
    if not plans:
        return None
    names = {plan.name for plan in plans}
    if not any(_is_selective(parameter) for parameter in criteria.parameters if parameter.name not in names):
        plans = [require_selective(plan) for plan in plans]
    queries = combine_plans(plans, site.date_support.max_split_queries)
    if queries.problem:
        return SplitPlan(tuple(plans), problem=queries.problem)
    is_checked = queries.filters or queries.dedupe or (len(queries.queries) > 1 and not criteria.is_count)
    visible = criteria.map_parameters(_drop_if_hiding) if is_checked else criteria
    return SplitPlan(
        queries.plans, tuple(_with_date_values(visible, names, pairs) for pairs in queries.queries)
    )


def _plan_single_search(request: FhirRequest, criteria: SearchParams, site: Site) -> SplitPlan:
    """Return the plan with one wide search and a filter, which the upstream sorts; else the problem."""
    support = replace(site.date_support, max_split_queries=1, supports_sa_eb=False)
    plan = _plan_criteria(request, criteria, replace(site, date_support=support))
    return plan if plan and not plan.problem else SplitPlan(problem=_SORT_NOT_SUPPORTED)


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
        if parameter.name in ELEMENT_HIDING_PARAMETERS or SearchParams((parameter,)).is_count
        else (parameter,)
    )


def _with_date_values(
    search: SearchParams, names: set[str], pairs: tuple[tuple[str, str], ...]
) -> SearchParams:
    """Return the search with its date parameters replaced, where the first of each name is.

    Values of a form stay in the form: a URL may be logged on its way.
    """
    new_values: dict[str, list[str]] = {name: [] for name in names}
    for name, value in pairs:
        new_values[name].append(value)
    if all(search.values(name) == tuple(values) for name, values in new_values.items()):
        return search
    place_by_name = {parameter.name: parameter for parameter in reversed(search.parameters)}
    place_by_name |= {item.name: item for item in reversed(search.parameters) if item.place == "form"}

    def replace_values(parameter: Parameter) -> Iterable[Parameter]:
        if parameter.name not in new_values:
            return (parameter,)
        is_place = parameter is place_by_name[parameter.name]
        return map(parameter.with_value, new_values[parameter.name] if is_place else ())

    return search.map_parameters(replace_values)


def _in_sort_order(plan: SplitPlan, criteria: SearchParams) -> SplitPlan | None:
    """Return the plan with its parts in the order of `_sort`; None if only merging gives that order."""
    key = ",".join(criteria.values("_sort")).split(",")[0]
    if not key:
        return plan
    split_plans = [date for date in plan.date_plans if date.is_split]
    if [date.name for date in split_plans] != [key.removeprefix("-")] or not keeps_order(split_plans[0]):
        return None
    return replace(plan, split_searches=plan.split_searches[::-1]) if key.startswith("-") else plan


_SORT_NOT_SUPPORTED = DateProblem(
    "not-supported",
    "MSG_SORT_UNKNOWN",
    "The date criterion needs several upstream queries, whose results cannot be merged in this order, so none"
    " was sent. Remove _sort, or sort by the date parameter.",
    "http._sort",
)
