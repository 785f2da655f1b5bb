"""Header fields of a page that was merged from several upstream responses."""

from collections.abc import Sequence
from math import inf
from typing import Final

from gateway.cache.directives import ResponseDirectives, response_directives
from gateway.exchange import FhirResponse, Headers

#: Fields that describe one of the responses: the merged page has its own age, lifetime and content.
_OF_ONE_RESPONSE: Final = frozenset({"age", "cache-control", "etag", "expires", "last-modified", "pragma"})
_NO_DIRECTIVES: Final = ResponseDirectives()


def merge_directives(first: ResponseDirectives | None, response: FhirResponse) -> ResponseDirectives:
    """Return the strictest of the directives so far and those of another response."""
    own = response_directives(response)
    if first is None:
        return own
    return ResponseDirectives(
        first.may_store and own.may_store,
        min(first.lifetime, own.lifetime),
        first.may_serve_stale and own.may_serve_stale,
    )


def merge_headers(first: Headers, directives: ResponseDirectives) -> Headers:
    """Return the fields of the first response, with directives in place of its own and without validators."""
    kept = tuple(field for field in first if field[0] not in _OF_ONE_RESPONSE)
    if directives == _NO_DIRECTIVES:
        return kept
    return (*kept, ("cache-control", ", ".join(_words(directives))))


def _words(directives: ResponseDirectives) -> Sequence[str]:
    if not directives.may_store:
        return ["no-store"]
    lifetime = [] if directives.lifetime == inf else [f"max-age={int(directives.lifetime)}"]
    return lifetime + ([] if directives.may_serve_stale else ["must-revalidate"])
