"""Counts: searches that ask only for the number of matches (R4 search.html, `_summary=count`, `_count=0`).

The upstream counts if its total is exact: one query for each part of the search. If a match must be filtered,
or if the upstream gives no total or shows that it ignored a date, the gateway reads the matches and counts
them. It stops before a page that would be one of too many. A total that is not known is never stated.
"""

from collections.abc import Awaitable, Callable, Iterable
from math import ceil, inf

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse, Paging, Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, Parameter, Place, encode_parameter
from gateway.search.merge import MergedSearch
from gateway.search.split_plan import ELEMENT_HIDING_PARAMETERS

#: Matches of a page that the gateway reads for a count: five such pages of usual resources fit Halo's limit.
PAGE_SIZE = 200
#: Parameters that change what a page shows, not what matches.
_PAGE_PARAMETERS = ELEMENT_HIDING_PARAMETERS | {"_count", "_include", "_revinclude", "_sort", "_total"}
_EXPRESSION = "http._summary"
TOO_MANY_MATCHES = (
    "The practice system cannot count these matches, and there are more than the gateway reads for a count"
    " (search.max_queries_per_page). Add a criterion, or read the matches page by page and count them."
)
NOT_COUNTED = (
    "The practice system did not state how many matches there are, so the number is unknown. Read the matches"
    " page by page and count them."
)
CRITERION_IGNORED = (
    "The practice system ignores a criterion of this search, so it would count other records, too. Remove the"
    " criterion that expression names."
)

#: Fields of a page that a count does not have; a signature is of the page with its matches.
_FIELDS_OF_MATCHES = frozenset({"entry", "link", "signature"})

ReadPage = Callable[[FhirRequest, MergedSearch, Position], Awaitable[MergedSearch]]


async def count_matches(request: FhirRequest, read_page: ReadPage, max_queries: int) -> FhirResponse:
    """Return a searchset with the number of matches only. Raises Failure 400 if it cannot be known."""
    counted = MergedSearch(request)
    if all(plan.exact and not plan.dedupe for plan in request.plan.date_plans):
        counted = await _ask_for_totals(counting_request(request), read_page)
        total = _stated_total(counted)
        if total is not None or _lacks_bundle(counted):
            return _count_response(counted, total)
        _require_filters(counted)
    merged = await _read_matches(counted, reading_request(request), read_page, max_queries)
    return _count_response(merged, merged.match_count)


def counting_request(request: FhirRequest) -> FhirRequest:
    """Return the request for the upstream's totals, without `_total=none`."""
    return _map_searches(
        request, lambda item: () if (item.name, item.value) == ("_total", "none") else (item,)
    )


def reading_request(request: FhirRequest) -> FhirRequest:
    """Return the request for the matches to count, in large pages without includes."""
    place: Place = "form" if request.method == "POST" else "url"
    size = encode_parameter("_count", str(PAGE_SIZE), place)
    bare = _map_searches(request, lambda item: () if item.code in _PAGE_PARAMETERS else (item,))
    parts = bare.plan.split_searches and tuple(
        part.with_parameters([size]) for part in bare.plan.split_searches
    )
    return bare.replace(upstream_search=bare.upstream_search.with_parameters([size])).with_plan(
        split_searches=parts
    )


def _map_searches(request: FhirRequest, change: Callable[[Parameter], Iterable[Parameter]]) -> FhirRequest:
    parts = request.plan.split_searches
    return request.replace(
        client_search=request.client_search.map_parameters(change),
        upstream_search=request.upstream_search.map_parameters(change),
    ).with_plan(split_searches=parts and tuple(part.map_parameters(change) for part in parts))


async def _ask_for_totals(request: FhirRequest, read_page: ReadPage) -> MergedSearch:
    """Read one page of each part, until one lacks its total or shows that it ignored a date."""
    merged = MergedSearch(request)
    for part in range(len(request.plan.split_searches or (request.upstream_search,))):
        merged = await read_page(request, merged, Position(part))
        _require_used_criteria(merged)
        if merged.needs_filter or part not in (merged.totals or {}):
            break
    return merged


def _stated_total(merged: MergedSearch) -> int | None:
    """Sum of the totals of all parts; None if it is not the number of matches."""
    totals, parts = merged.totals or {}, merged.request.plan.split_searches or (None,)
    is_known = len(totals) == len(parts) and not merged.needs_filter
    is_plausible = all(merged.read_matches.get(part, 0) <= total for part, total in totals.items())
    return sum(totals.values()) if is_known and is_plausible else None


async def _read_matches(
    counted: MergedSearch, request: FhirRequest, read_page: ReadPage, max_queries: int
) -> MergedSearch:
    """Read all matches. Raises Failure 400 before a query if they need more than `max_queries`."""
    merged = MergedSearch(request, upstream_use=counted.upstream_use)
    position = Position(needs_filter=counted.needs_filter)
    for queries_left in reversed(range(max_queries)):
        read = sum(merged.read_matches.values())
        merged = await read_page(request, merged, position)
        _require_used_criteria(merged)
        if merged.next_position is None:
            break
        page_size = sum(merged.read_matches.values()) - read
        if _queries_needed(merged, merged.next_position, page_size) > queries_left:
            raise _failure(merged, catalog.SEARCH_TOO_BROAD, TOO_MANY_MATCHES)
        position = merged.next_position
    totals = merged.totals or {}
    if _lacks_bundle(merged) or any(merged.read_matches[part] < totals[part] for part in totals):
        raise _failure(merged, catalog.SEARCH_TOO_BROAD, NOT_COUNTED)
    return merged


def _queries_needed(merged: MergedSearch, position: Position, page_size: int) -> float:
    """Return the queries from a position to the end of the last part; infinite if unknown."""
    later_parts = len(merged.request.plan.split_searches or (None,)) - 1 - position.part
    if not position.upstream_link:
        return later_parts + 1
    total = (merged.totals or {}).get(position.part)
    if total is None or not page_size:
        return inf
    return later_parts + max(1, ceil((total - merged.read_matches[position.part]) / page_size))


def _require_used_criteria(merged: MergedSearch) -> None:
    """Raise Failure 400 if the upstream shows that it ignored a criterion: a count has no warning."""
    ignored = sorted(
        name for name in merged.ignored_parameters if name.partition(":")[0] not in RESULT_ONLY_PARAMETERS
    )
    if ignored:
        raise _failure(merged, catalog.FILTER_IGNORED, CRITERION_IGNORED, f"http.{ignored[0]}")


def _require_filters(merged: MergedSearch) -> None:
    """Raise Failure 400 if an ignored date cannot be checked on the matches."""
    unseen = next((plan for plan in merged.request.plan.date_plans if plan.predicate is None), None)
    if merged.needs_filter and unseen is not None:
        raise _failure(merged, catalog.FILTER_IGNORED, CRITERION_IGNORED, f"http.{unseen.name}")


def _failure(merged: MergedSearch, kind: FailureKind, text: str, expression: str = _EXPRESSION) -> Failure:
    return Failure(kind, text=text, expression=expression).with_upstream_use(merged.upstream_use)


def _lacks_bundle(merged: MergedSearch) -> bool:
    first = merged.first_response
    return first is not None and first.with_parsed_bundle().bundle is None


def _count_response(merged: MergedSearch, total: int | None) -> FhirResponse:
    """Return the first page with this total, without entries and page links; every criterion was used."""
    page = merged.merged_response()
    if page.bundle is None:
        return page
    fields = {name: raw for name, raw in page.bundle.fields.items() if name not in _FIELDS_OF_MATCHES}
    count = page.with_bundle(Bundle(fields, (), ()).with_total(total))
    return count.replace(paging=Paging({}), ignored_parameters=frozenset())
