"""Date searches upstream take `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss` only; clients may send any R4 date."""

from gateway.core import date_search, kinds
from gateway.core.date_facts import DateFacts
from gateway.core.date_plan import DatePlan, DateProblem, DateQueries, combine
from gateway.core.exchange import FhirRequest, Site
from gateway.core.failure import Failure
from gateway.core.search import Parameter, Search
from gateway.repairs.repair import KnownIssue, Repair

_FACTS = DateFacts()
#: A plan's problem -> our kind of failure.
_KINDS = {
    "value": kinds.DATE_SYNTAX,
    "not-supported": kinds.DATE_INEXPRESSIBLE,
    "too-costly": kinds.TOO_COSTLY,
}


def exact(request: FhirRequest) -> FhirRequest:
    """The request with its date criteria as the upstream understands them. Raises Failure 400."""
    if request.site is None or not request.interaction.searches:
        return request
    plans = _plans(request, request.site)
    if not plans:
        return request
    queries = combine(plans, _FACTS.max_splits)
    if queries.problem:
        raise _refusal(queries.problem)
    new = _written(request.search, queries)
    return request if new is request.search else request.changed(search=new)


def _plans(request: FhirRequest, site: Site) -> list[DatePlan]:
    names = dict.fromkeys(each.name for each in request.search.parameters)
    plans = (_plan(request, site, name) for name in names)
    return [plan for plan in plans if plan is not None and plan.strategy not in {"ignored", "pass-through"}]


def _plan(request: FhirRequest, site: Site, name: str) -> DatePlan | None:
    values = request.search.values(name)
    return date_search.plan(request.interaction.type, name, values, _FACTS, site.zone, request.received)


def _refusal(problem: DateProblem) -> Failure:
    return Failure(_KINDS[problem.kind], text=problem.text, expression=problem.expression)


def _written(search: Search, queries: DateQueries) -> Search:
    """The search with its date parameters replaced; itself where they already say the same."""
    if len(queries.queries) != 1 or not queries.exact:
        raise Failure(kinds.DATE_INEXPRESSIBLE)
    (pairs,) = queries.queries
    wanted: dict[str, list[str]] = {}
    for name, value in pairs:
        wanted.setdefault(name, []).append(value)
    if all(search.values(name) == tuple(values) for name, values in wanted.items()):
        return search
    return search.mapped(lambda each: _replaced(each, search, wanted))


def _replaced(each: Parameter, search: Search, wanted: dict[str, list[str]]) -> tuple[Parameter, ...]:
    if each.name not in wanted:
        return (each,)
    first = next(one for one in search.parameters if one.name == each.name)
    return tuple(each.replaced(value) for value in wanted[each.name]) if each is first else ()


REPAIR = Repair(
    KnownIssue(
        "search-date-format",
        "Date searches take two exact formats only",
        "Halo Connect troubleshooting, FHIR known issues (both pages): Datetimes must be exact",
    ),
    request=exact,
)
