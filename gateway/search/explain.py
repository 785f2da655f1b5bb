"""Operation `POST {base}/$explain`: the cost and the plan of a search, without an upstream request."""

import msgspec

from gateway.dates.plan import explain_plan
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.interaction import interaction_for
from gateway.search.limits import DEFAULT_LIMITS, SearchLimits, parse_limited_search
from gateway.search.split_plan import SplitPlan, plan_search


class _Parameter(msgspec.Struct):
    name: str
    valueString: str = ""  # noqa: N815 - FHIR's name


class _Parameters(msgspec.Struct):
    parameter: list[_Parameter] = []


class ExplainOperation:
    """Responds to `$explain`, and passes every other request to the inner handler."""

    def __init__(self, inner: Handler, limits: SearchLimits = DEFAULT_LIMITS) -> None:
        self._inner = inner
        self._limits = limits

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return an OperationOutcome with the explanation. Raises Failure 400 for a body without a search."""
        interaction = request.interaction
        if interaction.operation != "explain" or interaction.type or request.site is None:
            return await self._inner(request)
        search_request = request_for_search(request, _search_text(request), self._limits)
        outcome = information_outcome("\n".join(explain_search(search_request, request.site)))
        return FhirResponse(200, (("content-type", MEDIA_TYPE),), encode_resource(outcome))


def request_for_search(request: FhirRequest, text: str, limits: SearchLimits) -> FhirRequest:
    """Return the request for a search like `Appointment?date=2026-04`. Raises Failure 400."""
    path, _, query = text.partition("#")[0].partition("?")
    path = path.strip("/")
    interaction = interaction_for("GET", path)
    if interaction is None or not interaction.is_pageable:
        raise Failure(catalog.NOTHING_TO_EXPLAIN)
    search = parse_limited_search(limits, query, resource=interaction.type, place="the search to explain")
    return request.replace(
        method="GET",
        interaction=interaction,
        path=path,
        client_search=search,
        upstream_search=search.without_parameters("_format"),
    )


def _search_text(request: FhirRequest) -> str:
    try:
        body = msgspec.json.decode(request.body, type=_Parameters)
    except msgspec.DecodeError:
        raise Failure(catalog.NOTHING_TO_EXPLAIN) from None
    return next((item.valueString for item in body.parameter if item.name == "search"), "")


_NO_DATES = "No date criteria: the gateway sends the search unchanged, 1 query per page."
_NO_MATCH_POSSIBLE = "Provably nothing matches: the gateway returns an empty searchset, no upstream query."


def explain_search(request: FhirRequest, site: Site) -> tuple[str, ...]:
    """Lines on each date criterion, the upstream queries, and whether filter or split is needed and why.

    The lines contain the client's own values: show them to that client only.
    """
    plan = plan_search(request, request.upstream_search, site)
    if plan is None:
        return (_NO_DATES,)
    lines = tuple(line for date in plan.date_plans for line in explain_plan(date))
    return (*lines, *_result_lines(request, plan))


def _result_lines(request: FhirRequest, plan: SplitPlan) -> tuple[str, ...]:
    if plan.problem:
        return (f"rejected: {plan.problem.text}",)
    if not plan.split_searches:
        return (_NO_MATCH_POSSIBLE,)
    sent = tuple(f"upstream: {request.path}?{part.as_get().query}" for part in plan.split_searches)
    exact = all(date.exact for date in plan.date_plans)
    total = (
        "total: counted by the upstream" if exact and len(sent) == 1 else "total: only if all pages are read"
    )
    return (*sent, f"cost: {len(sent)} upstream search(es), 1 query per page of each", total)
