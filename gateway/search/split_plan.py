"""A client's request -> the upstream searches that answer it exactly, as far as its dates are concerned."""

from dataclasses import dataclass

from gateway.dates import planner
from gateway.dates.plan import DatePlan, DateProblem, combine_plans, require_selective
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import Parameter, SearchParams

#: Parameters under which a resource does not show the element its date criterion is about.
ELEMENT_HIDING_PARAMETERS = frozenset({"_elements", "_summary"})
_UNCHANGED_STRATEGIES = frozenset({"ignored", "pass-through"})


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The upstream searches in order, none where provably nothing matches; or why there are none."""

    date_plans: tuple[DatePlan, ...] = ()
    split_searches: tuple[SearchParams, ...] = ()
    problem: DateProblem | None = None


def plan_search(request: FhirRequest, criteria: SearchParams, site: Site) -> SearchPlan | None:
    """The plan for the date criteria among some criteria of a request; None where there are no dates."""
    plans = _plan_dates(request, criteria, site)
    if not plans:
        return None
    names = {plan.name for plan in plans}
    if not any(_is_selective(each) for each in criteria.parameters if each.name not in names):
        plans = [require_selective(plan) for plan in plans]
    queries = combine_plans(plans, site.date_support.max_split_queries)
    if queries.problem:
        return SearchPlan(tuple(plans), problem=queries.problem)
    visible = criteria.map_parameters(_drop_if_hiding) if queries.filters or queries.dedupe else criteria
    return _in_sort_order(
        tuple(plans), tuple(_with_date_values(visible, names, pairs) for pairs in queries.queries), criteria
    )


def _plan_dates(request: FhirRequest, criteria: SearchParams, site: Site) -> list[DatePlan]:
    names = dict.fromkeys(each.name for each in criteria.parameters)
    plans = (_plan_date(request, site, name, criteria.values(name)) for name in names)
    return [plan for plan in plans if plan is not None and plan.strategy not in _UNCHANGED_STRATEGIES]


def _plan_date(request: FhirRequest, site: Site, name: str, values: tuple[str, ...]) -> DatePlan | None:
    act = request.interaction
    if act.code == "history" and name == "_since":
        return planner.history_since(values[-1], site.date_support, site.zone, act.type or "Resource")
    if act.operation == "everything" and name in {"start", "end"}:
        return planner.operation_date(name, values[-1], site.zone)
    if not _has_search_criteria(act):
        return None
    return planner.plan_parameter(act.type, name, values, site.date_support, site.zone, request.received_at)


def _has_search_criteria(interaction: Interaction) -> bool:
    return interaction.is_search or interaction.is_write


def _is_selective(parameter: Parameter) -> bool:
    """Whether a parameter narrows the result."""
    return not parameter.name.startswith("_") or parameter.name in {"_id", "_has"}


def _drop_if_hiding(parameter: Parameter) -> tuple[Parameter, ...]:
    """Nothing for a parameter that would hide the element a filter looks at, or all matches."""
    return (
        ()
        if parameter.name in ELEMENT_HIDING_PARAMETERS or (parameter.name, parameter.value) == ("_count", "0")
        else (parameter,)
    )


def _with_date_values(
    search: SearchParams, names: set[str], pairs: tuple[tuple[str, str], ...]
) -> SearchParams:
    """The search with its date parameters replaced, each where the first of its name stood."""
    wanted: dict[str, list[str]] = {name: [] for name in names}
    for name, value in pairs:
        wanted[name].append(value)
    same = all(search.values(name) == tuple(values) for name, values in wanted.items())
    return search if same else search.map_parameters(lambda each: _replace_values(each, search, wanted))


def _replace_values(
    parameter: Parameter, search: SearchParams, new_values: dict[str, list[str]]
) -> tuple[Parameter, ...]:
    if parameter.name not in new_values:
        return (parameter,)
    first = next(one for one in search.parameters if one.name == parameter.name)
    return (
        tuple(parameter.with_value(value) for value in new_values[parameter.name])
        if parameter is first
        else ()
    )


def _in_sort_order(
    plans: tuple[DatePlan, ...], split_searches: tuple[SearchParams, ...], criteria: SearchParams
) -> SearchPlan:
    """Several parts in the order of `_sort`; a problem where only merging could give that order."""
    key = ",".join(criteria.values("_sort")).split(",")[0]
    if len(split_searches) <= 1 or not key:
        return SearchPlan(plans, split_searches)
    if [plan.name for plan in plans if len(plan.queries) > 1] != [key.removeprefix("-")]:
        return SearchPlan(plans, problem=_SORT_NOT_SUPPORTED)
    return SearchPlan(plans, split_searches[::-1] if key.startswith("-") else split_searches)


_SORT_NOT_SUPPORTED = DateProblem(
    "not-supported",
    "MSG_SORT_UNKNOWN",
    "The date criterion needs several upstream queries, whose answers cannot be merged in this order: leave"
    " _sort out, or sort by the date parameter itself.",
    "http._sort",
)
