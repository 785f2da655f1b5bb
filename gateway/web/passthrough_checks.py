"""Checks of requests that are passed through unchanged, of what another reader could read otherwise."""

import re
from collections.abc import Sequence
from typing import Final

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.search_params import SearchParams, parse_whole_query
from gateway.search.limits import SearchLimits, require_few_parameters

#: Methods on endpoints that are passed through; TRACE would show the gateway's own header fields.
PASSED_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
#: One key of HG-Idempotency-Key: a comma or space would join two fields to one.
_IDEMPOTENCY_KEY = re.compile(r"[!-+\--~]{1,255}", re.ASCII)
_IDEMPOTENCY_TEXT = (
    "HG-Idempotency-Key is not one key of 1 to 255 visible ASCII characters without commas. The request was"
    " not sent. Send the field once, with a new UUID for each change."
)
_QUERY_TEXT = (
    "The query of the URL contains a byte that is not ASCII. The request was not sent. Write such characters"
    " percent-encoded."
)


def require_common_method(method: str) -> None:
    """Reject a method that is not for resources, where any path is passed through. Raises Failure 405."""
    if method not in PASSED_METHODS:
        raise Failure(catalog.METHOD_NOT_ALLOWED, headers=(("allow", ", ".join(PASSED_METHODS)),))


def require_one_idempotency_key(keys: Sequence[str]) -> None:
    """Reject several values of HG-Idempotency-Key, or one that may be several. Raises Failure 400.

    An upstream that reads another key than the client meant would repeat a change, or leave one out.
    """
    if len(keys) > 1 or not all(map(_IDEMPOTENCY_KEY.fullmatch, keys)):
        raise Failure(catalog.BAD_REQUEST, text=_IDEMPOTENCY_TEXT, expression="http.HG-Idempotency-Key")


def parse_unchanged_query(query: bytes, limits: SearchLimits | None = None) -> SearchParams:
    """Parse a query that is written again byte for byte; `limits` may limit its parts. Raises Failure 400."""
    try:
        text = query.decode("ascii")
    except UnicodeDecodeError:
        raise Failure(catalog.BAD_REQUEST, text=_QUERY_TEXT) from None
    if limits:
        require_few_parameters(limits, text, place="the URL")
    return parse_whole_query(text)
