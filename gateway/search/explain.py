"""Operation `POST {base}/$explain`: what the chain would do with a search, without an upstream request."""

from collections.abc import Iterator

import msgspec

from gateway.cache.forecast import CacheForecast
from gateway.dates.plan import explain_plan
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.interaction import interaction_for
from gateway.fhir.search_params import SearchParams
from gateway.http.negotiation import response_media_type
from gateway.search.dry_run import NO_OUTLOOK, DryRun, Outlook, PlanningHandlers
from gateway.search.limits import DEFAULT_LIMITS, SearchLimits, parse_limited_search, require_valid_count


class _Parameter(msgspec.Struct):
    name: str
    valueString: str = ""  # noqa: N815 - FHIR's name


class _Parameters(msgspec.Struct):
    parameter: list[_Parameter] = []


class ExplainOperation:
    """Responds to `$explain`, and passes every other request to the inner handler.

    `handlers` are the inner handlers that plan a search, and `outlook` is what the others know.
    """

    def __init__(
        self,
        inner: Handler,
        handlers: PlanningHandlers,
        outlook: Outlook = NO_OUTLOOK,
        limits: SearchLimits = DEFAULT_LIMITS,
    ) -> None:
        self._inner = inner
        self._handlers = handlers
        self._outlook = outlook
        self._limits = limits

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return an OperationOutcome with the explanation. Raises Failure 400 for a body without a search."""
        interaction = request.interaction
        if interaction.operation != "explain" or interaction.type or request.site is None:
            return await self._inner(request)
        search_request = request_for_search(request, _search_text(request), self._limits)
        lines = await explain_search(search_request, self._handlers, self._outlook)
        outcome = information_outcome("\n".join(lines))
        return FhirResponse(200, (("content-type", MEDIA_TYPE),), encode_resource(outcome))


def request_for_search(request: FhirRequest, text: str, limits: SearchLimits) -> FhirRequest:
    """Return the request for a search like `Appointment?date=2026-04`. Raises Failure 400."""
    path, _, query = text.partition("#")[0].partition("?")
    path = path.strip("/")
    interaction = interaction_for("GET", path)
    if interaction is None or not interaction.is_pageable:
        raise Failure(catalog.NOTHING_TO_EXPLAIN)
    search = parse_limited_search(limits, query, resource=interaction.type, place="the search to explain")
    require_valid_count(interaction, search)
    return request.replace(
        method="GET",
        interaction=interaction,
        path=path,
        response_format=response_media_type(search.values("_format"), request.header("accept")),
        client_search=search,
        upstream_search=search.without_parameters("_format"),
        body=b"",
    )


def _search_text(request: FhirRequest) -> str:
    try:
        body = msgspec.json.decode(request.body, type=_Parameters)
    except msgspec.DecodeError:
        raise Failure(catalog.NOTHING_TO_EXPLAIN) from None
    return next((item.valueString for item in body.parameter if item.name == "search"), "")


async def explain_search(
    request: FhirRequest, handlers: PlanningHandlers, outlook: Outlook = NO_OUTLOOK
) -> tuple[str, ...]:
    """Lines on each date criterion, refusal, cache, upstream queries, price and what stops them now.

    The lines contain the client's own values: show them to that client only.
    """
    run = DryRun(outlook)
    await run.run(handlers, request)
    return tuple(_lines(run))


_NO_DATES = "No date criteria."
_NO_MATCH_POSSIBLE = "Provably nothing matches: the gateway returns an empty searchset, no upstream query."
_SMALLER_PAGE = "page: smaller than requested, because larger pages of this kind were over the size limit."
_READS_STATEMENT = (
    "first: GET metadata (free, kept for an hour). If it declares a parameter of this search as a date, the"
    " plan is another one."
)


def _lines(run: DryRun) -> Iterator[str]:
    if run.reads_statement:
        yield _READS_STATEMENT
    if run.planned is not None:
        plans = run.planned.plan.date_plans
        yield from (line for date in plans for line in explain_plan(date)) if plans else (_NO_DATES,)
    if run.failure and not run.searches:
        yield f"rejected: {_failure_text(run.failure)} cost: no upstream query"
    elif run.planned is not None:
        yield from _result_lines(run, run.planned)


def _result_lines(run: DryRun, planned: FhirRequest) -> Iterator[str]:
    if not run.searches:
        yield _NO_MATCH_POSSIBLE if planned.plan.split_searches == () else _local_answer(run)
        return
    yield _cache_line(run.cache)
    for sent in run.searches:
        query = sent.upstream_search.as_get().query
        yield f"upstream: {sent.path}" + (f"?{query}" if query else "")
    if run.is_smaller_page:
        yield _SMALLER_PAGE
    yield f"cost: {_cost_text(run, planned)}"
    yield _total_text(run, planned)
    if run.failure:
        yield f"rejected after these queries: {_failure_text(run.failure)}"
    if run.obstacle:
        yield f"now: {_failure_text(run.obstacle)} Retry-After: {run.obstacle.retry_after} s."


def _local_answer(run: DryRun) -> str:
    return f"The gateway answers by itself ({', '.join(run.local_repairs)}): no upstream query."


def _failure_text(failure: Failure) -> str:
    return f"{failure.text} ({failure.kind.code})"


def _cache_line(cache: CacheForecast) -> str:
    accepted = f" This app accepts data of up to {cache.accepted_age:.0f} s." if cache.accepted_age else ""
    return _use_of_cache(cache) + accepted


def _use_of_cache(cache: CacheForecast) -> str:
    if cache.use == "bypass":
        return "cache: not used for this search."
    if cache.use == "stale":
        return f"cache: {cache.age:.0f} s old, served at once while the upstream queries below renew it."
    if cache.use == "miss":
        return f"cache: no stored response. A new one serves for at most {cache.lifetime:.0f} s."
    remaining = max(cache.lifetime, cache.accepted_age) - cache.age
    return f"cache: hit, {cache.age:.0f} s old, for {remaining:.0f} s more."


def _cost_text(run: DryRun, planned: FhirRequest) -> str:
    """Price of the first page: later parts of a split search are read only while there are no matches."""
    count, is_count = len(run.searches), _is_count(planned.client_search)
    prefix = "0 upstream queries by the cache, else " if run.cache.use == "hit" else ""
    if count == 1 or is_count:
        queries = f"{count} upstream {'query' if count == 1 else 'queries'}"
        is_filtered = not all(plan.exact for plan in planned.plan.date_plans)
        more = ", and more while the filter leaves no match" if is_filtered else ""
        return f"{prefix}{queries}{'' if is_count else ' per page' + more}"
    return f"{prefix}1 to {count} upstream queries for the first page, at least 1 for each further page"


def _is_count(search: SearchParams) -> bool:
    """Whether the client requests only the number of matches, which needs all parts."""
    return search.values("_summary")[-1:] == ("count",) or search.values("_count")[-1:] == ("0",)


def _total_text(run: DryRun, planned: FhirRequest) -> str:
    is_exact = all(date.exact for date in planned.plan.date_plans)
    is_counted = len(run.searches) == 1 and is_exact
    return "total: counted by the upstream" if is_counted else "total: only if all pages are read"
