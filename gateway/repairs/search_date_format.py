"""Date searches upstream take `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss` only; clients may send any R4 date."""

from gateway.dates.plan import DatePlan, DateProblem
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.search_params import Search, search
from gateway.repairs.repair import KnownIssue, Repair
from gateway.search.split_plan import search_plan

#: A plan's problem -> our kind of failure.
_KINDS = {
    "value": catalog.DATE_SYNTAX,
    "not-supported": catalog.DATE_INEXPRESSIBLE,
    "too-costly": catalog.TOO_COSTLY,
}
#: Criteria of a conditional create, as a search string in a header (R4 http.html#ccreate).
_CRITERIA = "if-none-exist"


def exact(request: FhirRequest) -> FhirRequest:
    """The request with its date criteria as the upstream understands them. Raises Failure 400."""
    if request.site is None or request.parts is not None:
        return request
    return _searched(_conditional(request, request.site), request.site)


def _searched(request: FhirRequest, site: Site) -> FhirRequest:
    plan = search_plan(request, request.search, site)
    if plan is None:
        return request
    if plan.problem:
        raise refusal(plan.problem)
    if not request.interaction.lists:
        return _alone(request, plan.dates, plan.parts)
    first = plan.parts[0] if plan.parts else request.search
    return request.changed(search=first, parts=plan.parts, dates=plan.dates)


def _conditional(request: FhirRequest, site: Site) -> FhirRequest:
    """The request with the criteria of `If-None-Exist` made exact."""
    given = request.header(_CRITERIA)
    criteria = search(given.partition("?")[2] or given)
    plan = search_plan(request, criteria, site) if given else None
    if plan is None:
        return request
    if plan.problem:
        raise refusal(plan.problem)
    written = _alone(request.changed(search=criteria), plan.dates, plan.parts).search.query
    return request if written == criteria.query else request.changed(headers=_with(request.headers, written))


def _alone(request: FhirRequest, dates: tuple[DatePlan, ...], parts: tuple[Search, ...]) -> FhirRequest:
    """The request with one exact search: nothing can be filtered or merged before a write or an operation."""
    if len(parts) != 1 or not all(plan.exact for plan in dates):
        raise Failure(catalog.DATE_INEXPRESSIBLE, expression=f"http.{dates[0].name}")
    return request.changed(search=parts[0]) if parts[0] is not request.search else request


def _with(headers: Headers, criteria: str) -> Headers:
    return tuple((name, criteria if name == _CRITERIA else value) for name, value in headers)


def refusal(problem: DateProblem) -> Failure:
    """The failure that a plan's problem is."""
    return Failure(_KINDS[problem.kind], text=problem.text, expression=problem.expression)


REPAIR = Repair(
    KnownIssue(
        "search-date-format",
        "Date searches take two exact formats only",
        "Halo Connect troubleshooting, FHIR known issues (both pages): Datetimes must be exact",
    ),
    request=exact,
)
