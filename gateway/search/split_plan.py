"""A client's request -> the upstream searches that answer it exactly, as far as its dates are concerned."""

from dataclasses import dataclass

from gateway.dates import planner
from gateway.dates.plan import DatePlan, DateProblem, alone, combine
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import Parameter, Search

#: Parameters under which a resource does not show the element its date criterion is about.
HIDING = frozenset({"_elements", "_summary"})
_SENT = frozenset({"ignored", "pass-through"})


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The upstream searches in order, none where provably nothing matches; or why there are none."""

    dates: tuple[DatePlan, ...] = ()
    parts: tuple[Search, ...] = ()
    problem: DateProblem | None = None


def search_plan(request: FhirRequest, criteria: Search, site: Site) -> SearchPlan | None:
    """The plan for the date criteria among some criteria of a request; None where there are no dates."""
    plans = _plans(request, criteria, site)
    if not plans:
        return None
    names = {plan.name for plan in plans}
    if not any(_selective(each) for each in criteria.parameters if each.name not in names):
        plans = [alone(plan) for plan in plans]
    queries = combine(plans, site.dates.max_splits)
    if queries.problem:
        return SearchPlan(tuple(plans), problem=queries.problem)
    visible = criteria.mapped(_unhidden) if queries.filters or queries.dedupe else criteria
    return _sorted(
        tuple(plans), tuple(_written(visible, names, pairs) for pairs in queries.queries), criteria
    )


def _plans(request: FhirRequest, criteria: Search, site: Site) -> list[DatePlan]:
    names = dict.fromkeys(each.name for each in criteria.parameters)
    plans = (_plan(request, site, name, criteria.values(name)) for name in names)
    return [plan for plan in plans if plan is not None and plan.strategy not in _SENT]


def _plan(request: FhirRequest, site: Site, name: str, values: tuple[str, ...]) -> DatePlan | None:
    act = request.interaction
    if act.code == "history" and name == "_since":
        return planner.since(values[-1], site.dates, site.zone, act.type or "Resource")
    if act.operation == "everything" and name in {"start", "end"}:
        return planner.operation_date(name, values[-1], site.zone)
    if not _searches(act):
        return None
    return planner.plan(act.type, name, values, site.dates, site.zone, request.received)


def _searches(act: Interaction) -> bool:
    return act.searches or act.writes


def _selective(each: Parameter) -> bool:
    """Whether a parameter narrows the result."""
    return not each.name.startswith("_") or each.name in {"_id", "_has"}


def _unhidden(each: Parameter) -> tuple[Parameter, ...]:
    """Nothing for a parameter that would hide the element a filter looks at, or all matches."""
    return () if each.name in HIDING or (each.name, each.value) == ("_count", "0") else (each,)


def _written(search: Search, names: set[str], pairs: tuple[tuple[str, str], ...]) -> Search:
    """The search with its date parameters replaced, each where the first of its name stood."""
    wanted: dict[str, list[str]] = {name: [] for name in names}
    for name, value in pairs:
        wanted[name].append(value)
    same = all(search.values(name) == tuple(values) for name, values in wanted.items())
    return search if same else search.mapped(lambda each: _replaced(each, search, wanted))


def _replaced(each: Parameter, search: Search, wanted: dict[str, list[str]]) -> tuple[Parameter, ...]:
    if each.name not in wanted:
        return (each,)
    first = next(one for one in search.parameters if one.name == each.name)
    return tuple(each.replaced(value) for value in wanted[each.name]) if each is first else ()


def _sorted(plans: tuple[DatePlan, ...], parts: tuple[Search, ...], criteria: Search) -> SearchPlan:
    """Several parts in the order of `_sort`; a problem where only merging could give that order."""
    key = ",".join(criteria.values("_sort")).split(",")[0]
    if len(parts) <= 1 or not key:
        return SearchPlan(plans, parts)
    if [plan.name for plan in plans if len(plan.queries) > 1] != [key.removeprefix("-")]:
        return SearchPlan(plans, problem=_UNSORTED)
    return SearchPlan(plans, parts[::-1] if key.startswith("-") else parts)


_UNSORTED = DateProblem(
    "not-supported",
    "MSG_SORT_UNKNOWN",
    "The date criterion needs several upstream queries, whose answers cannot be merged in this order: leave"
    " _sort out, or sort by the date parameter itself.",
    "http._sort",
)
