"""Answers `POST {base}/$explain`: what a search would cost and why, without asking the upstream."""

from urllib.parse import urlsplit

import msgspec

from gateway.dates.plan import explain_plan
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.interaction import interaction_for
from gateway.fhir.search_params import parse_search
from gateway.search.split_plan import SearchPlan, plan_search


class _Parameter(msgspec.Struct):
    name: str
    valueString: str = ""  # noqa: N815 - FHIR's name


class _Parameters(msgspec.Struct):
    parameter: list[_Parameter] = []


class ExplainOperation:
    """Intercepts `$explain`; everything else goes on."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """An OperationOutcome with the explanation. Raises Failure 400 for a body without a search."""
        act = request.interaction
        if act.operation != "explain" or act.type or request.site is None:
            return await self._inner(request)
        outcome = information_outcome(
            "\n".join(explain_search(request_for_search(request, _search_text(request)), request.site))
        )
        return FhirResponse(200, (("content-type", MEDIA_TYPE),), encode_resource(outcome))


def request_for_search(request: FhirRequest, text: str) -> FhirRequest:
    """The request that a search like `Appointment?date=2026-04` would be. Raises Failure 400."""
    parts = urlsplit(text)
    act = interaction_for("GET", parts.path.strip("/"))
    if act is None or not act.is_pageable:
        raise Failure(catalog.NOTHING_TO_EXPLAIN)
    given = parse_search(parts.query)
    return request.replace(
        method="GET",
        interaction=act,
        path=parts.path.strip("/"),
        client_search=given,
        upstream_search=given.without_parameters("_format"),
    )


def _search_text(request: FhirRequest) -> str:
    try:
        body = msgspec.json.decode(request.body, type=_Parameters)
    except msgspec.DecodeError:
        raise Failure(catalog.NOTHING_TO_EXPLAIN) from None
    return next((each.valueString for each in body.parameter if each.name == "search"), "")


_NO_DATES = "No date criteria: the search goes upstream as it is, in 1 query a page."
_NO_MATCH_POSSIBLE = "Provably nothing matches: answered here with an empty searchset, no upstream query."


def explain_search(request: FhirRequest, site: Site) -> tuple[str, ...]:
    """Lines on each date criterion, the upstream queries, and whether filter or split is needed and why.

    They hold the client's own values: show them to that client alone.
    """
    plan = plan_search(request, request.upstream_search, site)
    if plan is None:
        return (_NO_DATES,)
    lines = tuple(line for date in plan.date_plans for line in explain_plan(date))
    return (*lines, *_result_lines(request, plan))


def _result_lines(request: FhirRequest, plan: SearchPlan) -> tuple[str, ...]:
    if plan.problem:
        return (f"refused: {plan.problem.text}",)
    if not plan.split_searches:
        return (_NO_MATCH_POSSIBLE,)
    sent = tuple(f"upstream: {request.path}?{part.as_get().query}" for part in plan.split_searches)
    exact = all(date.exact for date in plan.date_plans)
    total = (
        "total as the upstream counts" if exact and len(sent) == 1 else "total only where all pages are read"
    )
    return (*sent, f"cost: {len(sent)} upstream search(es), 1 query for each page of each", total)
