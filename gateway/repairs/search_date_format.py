"""Repair of date searches: clients may send any R4 date, upstreams accept two formats.

The formats are `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss`.
"""

from gateway.dates.plan import DatePlan, DateProblem
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.repairs.repair import KnownIssue, Repair
from gateway.search.parameters_body import DateRejectedError, rewrite_operation_body
from gateway.search.split_plan import plan_search

#: Kind of a plan's problem -> failure kind.
_KIND_BY_PROBLEM = {
    "value": catalog.DATE_SYNTAX,
    "not-supported": catalog.DATE_INEXPRESSIBLE,
    "too-costly": catalog.SEARCH_TOO_BROAD,
}
#: Criteria of a conditional create, as a search string in a header (R4 http.html#ccreate).
_CRITERIA_HEADER = "if-none-exist"


def rewrite_dates(request: FhirRequest) -> FhirRequest:
    """Return the request with its date criteria in the upstream's formats. Raises Failure 400."""
    site = request.site
    if site is None or request.plan.split_searches is not None:
        return request
    return _rewrite_search(_rewrite_body(_rewrite_if_none_exist(request, site), site), site)


def _rewrite_body(request: FhirRequest, site: Site) -> FhirRequest:
    """Return the request with the dates of an operation's Parameters in the upstream's formats."""
    try:
        body = rewrite_operation_body(request, site)
    except DateRejectedError as error:
        raise date_failure(error.problem) from None
    except UnreadableError:
        raise Failure(catalog.BODY_UNREADABLE) from None
    return request if body is request.body else request.replace(body=body)


def _rewrite_search(request: FhirRequest, site: Site) -> FhirRequest:
    plan = plan_search(request, request.upstream_search, site) if request.upstream_search.parameters else None
    if plan is None:
        return request
    if plan.problem:
        raise date_failure(plan.problem)
    if not request.interaction.is_pageable:
        return _require_single_search(request, plan.date_plans, plan.split_searches)
    first = plan.split_searches[0] if plan.split_searches else request.upstream_search
    return request.replace(upstream_search=first).with_plan(
        split_searches=plan.split_searches, date_plans=plan.date_plans
    )


def _rewrite_if_none_exist(request: FhirRequest, site: Site) -> FhirRequest:
    header = request.header(_CRITERIA_HEADER)
    criteria = parse_search(header.partition("?")[2] or header)
    plan = plan_search(request, criteria, site) if header else None
    if plan is None:
        return request
    if plan.problem:
        raise date_failure(plan.problem)
    query = _require_single_search(
        request.replace(upstream_search=criteria), plan.date_plans, plan.split_searches
    ).upstream_search.query
    if query == criteria.query:
        return request
    return request.replace(headers=_with_criteria(request.headers, query))


def _require_single_search(
    request: FhirRequest, date_plans: tuple[DatePlan, ...], searches: tuple[SearchParams, ...]
) -> FhirRequest:
    """Return the request with one exact search: before a write, results cannot be merged. Raises Failure."""
    if len(searches) != 1 or not all(plan.exact for plan in date_plans):
        raise Failure(catalog.DATE_INEXPRESSIBLE, expression=f"http.{date_plans[0].name}")
    return request if searches[0] is request.upstream_search else request.replace(upstream_search=searches[0])


def _with_criteria(headers: Headers, criteria: str) -> Headers:
    return tuple((name, criteria if name == _CRITERIA_HEADER else value) for name, value in headers)


def date_failure(problem: DateProblem) -> Failure:
    """Return a plan's problem as a failure."""
    return Failure(_KIND_BY_PROBLEM[problem.kind], text=problem.text, expression=problem.expression)


REPAIR = Repair(
    KnownIssue(
        "search-date-format",
        "Date searches take two exact formats only",
        "Halo Connect troubleshooting, FHIR known issues (both pages): Datetimes must be exact",
    ),
    request=rewrite_dates,
)
