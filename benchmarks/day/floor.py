"""Fewest queries by which a cache can serve the day's requests: one for all equal ones within a lifetime.

A query is only made for a request that arrives, so the first uncovered request of each search starts one,
which covers all equal requests until its lifetime ends. Writes, pages and failures only add to that.
"""

from collections import Counter
from collections.abc import Iterable

from benchmarks.day.events import Call, Event
from benchmarks.day.truth import Oracle, ParsedRequest, parse_request


def fewest_queries(events: Iterable[Event], oracle: Oracle) -> Counter[str]:
    """Fewest queries by kind of traffic, if every equal request shares, and nothing is invalidated."""
    requested_at: dict[object, float] = {}
    queries: Counter[str] = Counter()
    for event in sorted(event for event in events if isinstance(event, Call)):
        if event.kind == "write":
            queries[event.kind] += 1
            continue
        parsed = parse_request(event.request)
        key, lifetime = _same_for_all_spellings(parsed), oracle.lifetime(parsed, event.request.app)
        if key not in requested_at or event.at >= requested_at[key] + lifetime:
            requested_at[key] = event.at
            queries[event.kind] += 1
    return queries


def _same_for_all_spellings(request: ParsedRequest) -> object:
    """Request without the differences that its apps' spellings make."""
    pairs = ((name, value.removesuffix("T00:00:00").replace("Patient/", "")) for name, value in request.pairs)
    return request.type, request.id, frozenset(pairs)
