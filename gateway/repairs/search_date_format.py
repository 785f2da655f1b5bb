"""Date searches upstream take `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss` only; clients may send any R4 date."""

from gateway.core import date_search, kinds
from gateway.core.date_plan import DatePlan, alone, combine
from gateway.core.exchange import FhirRequest, Site
from gateway.core.failure import Failure
from gateway.core.gathering import HIDING
from gateway.core.search import Parameter, Search
from gateway.repairs.repair import KnownIssue, Repair

#: A plan's problem -> our kind of failure.
_KINDS = {
    "value": kinds.DATE_SYNTAX,
    "not-supported": kinds.DATE_INEXPRESSIBLE,
    "too-costly": kinds.TOO_COSTLY,
}


def exact(request: FhirRequest) -> FhirRequest:
    """The request with its date criteria as the upstream understands them. Raises Failure 400."""
    if request.site is None or not request.interaction.searches or request.parts is not None:
        return request
    plans = _plans(request, request.site)
    if not plans:
        return request
    names = {plan.name for plan in plans}
    if not any(_selective(each) for each in request.search.parameters if each.name not in names):
        plans = [alone(plan) for plan in plans]
    queries = combine(plans, request.site.dates.max_splits)
    if queries.problem:
        raise Failure(
            _KINDS[queries.problem.kind], text=queries.problem.text, expression=queries.problem.expression
        )
    visible = request.search.mapped(_unhidden) if queries.filters else request.search
    parts = tuple(_written(visible, names, pairs) for pairs in queries.queries)
    ordered = _sorted(parts, request.search, plans)
    if ordered == (request.search,) and queries.exact:
        return request
    return request.changed(search=ordered[0] if ordered else visible, parts=ordered, dates=tuple(plans))


def _plans(request: FhirRequest, site: Site) -> list[DatePlan]:
    names = dict.fromkeys(each.name for each in request.search.parameters)
    plans = (_plan(request, site, name) for name in names)
    return [plan for plan in plans if plan is not None and plan.strategy not in {"ignored", "pass-through"}]


def _plan(request: FhirRequest, site: Site, name: str) -> DatePlan | None:
    values = request.search.values(name)
    return date_search.plan(request.interaction.type, name, values, site.dates, site.zone, request.received)


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


def _sorted(parts: tuple[Search, ...], search: Search, plans: list[DatePlan]) -> tuple[Search, ...]:
    """Several parts in the order of `_sort`. Raises Failure 400 where only merging could give that order."""
    key = ",".join(search.values("_sort")).split(",")[0]
    if len(parts) <= 1 or not key:
        return parts
    split = [plan.name for plan in plans if len(plan.queries) > 1]
    if split != [key.removeprefix("-")]:
        raise Failure(kinds.SORT, expression="http._sort")
    return parts[::-1] if key.startswith("-") else parts


REPAIR = Repair(
    KnownIssue(
        "search-date-format",
        "Date searches take two exact formats only",
        "Halo Connect troubleshooting, FHIR known issues (both pages): Datetimes must be exact",
    ),
    request=exact,
)
