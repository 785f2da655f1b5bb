"""Pages that a client has passed on its way, so that a `next` that leads back to one is refused.

A page link carries digests of the last pages before it, which find a short cycle at once, and one of an older
page, which finds any cycle in the end (R. P. Brent: the older page is replaced at each power of two).
"""

from collections import Counter
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.urls import split_url

_DIGEST_BYTES: Final = 5
#: Last pages that a position remembers.
MAX_RECENT: Final = 32


def next_page(position: Position, following: Position, sent_search: SearchParams, bundle: Bundle) -> Position:
    """Return the position after `position`, which remembers the pages before it.

    Raises Failure 502 if it is the page itself, an earlier one, or the start of the search.
    """
    digest, own = _digest(following.upstream_link), _digest(position.upstream_link)
    if (
        digest in {own, *_split(position.visited)[1:]}
        or _is_self(bundle)
        or _is_start(following.upstream_link, sent_search)
    ):
        raise Failure(catalog.UPSTREAM_LINK_LOOP)
    return replace(following, visited=_with_page(position.visited, own))


def _is_self(bundle: Bundle) -> bool:
    """Whether `next` is the page's own address."""
    url_by_relation = {link.relation: link.url for link in bundle.links}
    return url_by_relation.get("next", "") == url_by_relation.get("self")


def _is_start(link: str, sent_search: SearchParams) -> bool:
    """Whether a link states the search itself, without a place in its result."""
    stated = parse_search(split_url(link).query)
    is_as_long = len(stated.parameters) == len(sent_search.parameters)
    return bool(stated.parameters) and is_as_long and _pairs(stated) == _pairs(sent_search)


def _pairs(search: SearchParams) -> Counter[tuple[str, str]]:
    return Counter((parameter.name, parameter.value) for parameter in search.parameters)


def _digest(link: str) -> bytes:
    return blake2b(link.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).digest()


def _split(visited: bytes) -> list[bytes]:
    return [visited[start : start + _DIGEST_BYTES] for start in range(0, len(visited), _DIGEST_BYTES)]


def _with_page(visited: bytes, page: bytes) -> bytes:
    """Add a page to the number of pages, the older page and the last pages, each of the same size."""
    number, older, *recent = _split(visited) or (bytes(_DIGEST_BYTES), page)
    count = int.from_bytes(number) + 1
    is_power_of_two = count & (count - 1) == 0
    parts = (count.to_bytes(_DIGEST_BYTES), page if is_power_of_two else older)
    return b"".join((*parts, *[*recent, page][-MAX_RECENT:]))
