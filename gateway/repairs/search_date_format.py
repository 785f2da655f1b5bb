"""Date searches upstream take `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss` only; clients may send any R4 date."""

from gateway.dates.plan import DatePlan, DateProblem
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.repairs.repair import KnownIssue, Repair
from gateway.search.split_plan import plan_search

#: A plan's problem -> our kind of failure.
_KIND_BY_PROBLEM = {
    "value": catalog.DATE_SYNTAX,
    "not-supported": catalog.DATE_INEXPRESSIBLE,
    "too-costly": catalog.SEARCH_TOO_BROAD,
}
#: Criteria of a conditional create, as a search string in a header (R4 http.html#ccreate).
_CRITERIA_HEADER = "if-none-exist"


def rewrite_dates(request: FhirRequest) -> FhirRequest:
    """The request with its date criteria as the upstream understands them. Raises Failure 400."""
    if request.site is None or request.split_searches is not None:
        return request
    return _rewrite_search(_rewrite_if_none_exist(request, request.site), request.site)


def _rewrite_search(request: FhirRequest, site: Site) -> FhirRequest:
    plan = plan_search(request, request.upstream_search, site)
    if plan is None:
        return request
    if plan.problem:
        raise date_failure(plan.problem)
    if not request.interaction.is_pageable:
        return _require_single_search(request, plan.date_plans, plan.split_searches)
    first = plan.split_searches[0] if plan.split_searches else request.upstream_search
    return request.replace(
        upstream_search=first, split_searches=plan.split_searches, date_plans=plan.date_plans
    )


def _rewrite_if_none_exist(request: FhirRequest, site: Site) -> FhirRequest:
    """The request with the criteria of `If-None-Exist` made exact."""
    given = request.header(_CRITERIA_HEADER)
    criteria = parse_search(given.partition("?")[2] or given)
    plan = plan_search(request, criteria, site) if given else None
    if plan is None:
        return request
    if plan.problem:
        raise date_failure(plan.problem)
    written = _require_single_search(
        request.replace(upstream_search=criteria), plan.date_plans, plan.split_searches
    ).upstream_search.query
    return (
        request
        if written == criteria.query
        else request.replace(headers=_with_criteria(request.headers, written))
    )


def _require_single_search(
    request: FhirRequest, dates: tuple[DatePlan, ...], parts: tuple[SearchParams, ...]
) -> FhirRequest:
    """The request with one exact search: nothing can be filtered or merged before a write or an operation."""
    if len(parts) != 1 or not all(plan.exact for plan in dates):
        raise Failure(catalog.DATE_INEXPRESSIBLE, expression=f"http.{dates[0].name}")
    return request.replace(upstream_search=parts[0]) if parts[0] is not request.upstream_search else request


def _with_criteria(headers: Headers, criteria: str) -> Headers:
    return tuple((name, criteria if name == _CRITERIA_HEADER else value) for name, value in headers)


def date_failure(problem: DateProblem) -> Failure:
    """The failure that a plan's problem is."""
    return Failure(_KIND_BY_PROBLEM[problem.kind], text=problem.text, expression=problem.expression)


REPAIR = Repair(
    KnownIssue(
        "search-date-format",
        "Date searches take two exact formats only",
        "Halo Connect troubleshooting, FHIR known issues (both pages): Datetimes must be exact",
    ),
    request=rewrite_dates,
)
