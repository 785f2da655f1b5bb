"""How many matches fit in one answer under Halo's size limit, and how to ask for a page of that size.

Halo refuses an immediate result over 1 MB (older Halo Link) or 8 MB with 413, after the query ran. A server
may always return fewer than `_count` (R4 search.html 3.1.1.5.5), so a smaller page is a right answer.
"""

import re
from hashlib import blake2b
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Bundle, Link
from gateway.fhir.search_params import Parameter, Place, SearchParams, encode_parameter, parse_search

TOO_LARGE: Final = "result-too-large"
SINGLE_RESOURCE_TOO_LARGE: Final = (
    "One resource, with what it includes, is larger than Halo can return. Leave _include and _revinclude out,"
    " or ask for less of it with _elements or _summary; an attachment alone can be read by its URL, or at the"
    " practice."
)
COUNT_PARAMETER: Final = "_count"
#: The share of the limit that a page should fill: entries differ in size.
TARGET_FILL: Final = 0.7
#: Less than that of the limit cannot have been too large: the limits in use are 1 MB and 8 MB.
_IMPLAUSIBLE_FILL: Final = 0.1
_MIN_RELATIVE_CHANGE: Final = 0.03  # bytes per match that differ by less than this share teach nothing new
#: The page asked for where neither the client nor experience names a size.
DEFAULT_PAGE_SIZE: Final = 10

_PAGE_NUMBER: Final = frozenset({"page", "_page"})
_LIMIT = re.compile(rb"\((\d{1,6}) ?([km]?)b\)", re.IGNORECASE)
_UNITS: Final = {b"": 1, b"k": 2**10, b"m": 2**20}
_MATCH = re.compile(rb'"mode"\s*:\s*"match"')


class PageSizeEstimate(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the pages of one kind of search.

    `each` is bytes per match, leaning to the heavy ones; `fits` the largest page that came, `fails` the
    smallest that did not (0: unknown); `overflows` whether the upstream's own page size was too large.
    """

    bytes_per_match: float = 0.0
    largest_success: int = 0
    smallest_failure: int = 0
    default_too_large: bool = False

    def after_page(self, octets: int, matches: int) -> Self:
        """What is known after a page came."""
        if not matches:
            return self
        each = max(octets / matches, 0.8 * self.bytes_per_match + 0.2 * octets / matches)
        return self._replace(
            bytes_per_match=self.bytes_per_match
            if abs(each - self.bytes_per_match) < _MIN_RELATIVE_CHANGE * self.bytes_per_match
            else each,
            largest_success=max(self.largest_success, matches),
            smallest_failure=0 if self.smallest_failure <= matches else self.smallest_failure,
        )

    def after_refusal(self, size: int | None) -> Self:
        """What is known after a page of that size, or of the upstream's own, was too large."""
        if size is None:
            return self._replace(default_too_large=True)
        return self._replace(
            smallest_failure=min(self.smallest_failure or size, size),
            largest_success=min(self.largest_success, size - 1),
        )

    def best_size(self, limit: int) -> int | None:
        """The page size to use under a limit in bytes; None while nothing is known."""
        by_bytes = max(1, int(TARGET_FILL * limit / self.bytes_per_match)) if self.bytes_per_match else None
        by_trial = (
            max(1, self.largest_success, self.smallest_failure // 2)
            if self._is_failure_plausible(limit)
            else None
        )
        known = [each for each in (by_bytes, by_trial) if each is not None]
        return round_to_divisible(min(known)) if known else None

    def _is_failure_plausible(self, limit: int) -> bool:
        """Whether size explains what failed; a 413 far below the limit is a fault that will pass."""
        return bool(self.smallest_failure) and not (
            self.bytes_per_match and self.bytes_per_match * self.smallest_failure < _IMPLAUSIBLE_FILL * limit
        )

    def _replace(self, **changes: object) -> Self:
        changed = msgspec.structs.replace(self, **changes)
        return self if changed == self else changed


def round_to_divisible(size: int) -> int:
    """The size, or a little less, so that it can be halved again where pages have numbers."""
    step = 8 if size >= 16 else 2 if size >= 2 else 1  # noqa: PLR2004 - halved three times, or once
    return size - size % step


class PageRequest(msgspec.Struct, frozen=True):
    """The page that a request asks for: its size and number, where it names them; `most` is the client's."""

    size: int | None
    number: int | None
    is_first: bool
    client_size: int | None = None

    def at_most(self, max_size: int | None) -> "PageRequest":
        """The page of at most the wanted size that begins at the same match; itself when it is small enough.

        Where pages have numbers only a divisor will do: page p of n begins where page (p-1)k+1 of n/k does.
        """
        if max_size is None or (self.size is not None and self.size <= max_size):
            return self
        if self.number is None:
            return msgspec.structs.replace(self, size=max_size)
        if self.size is None:
            return self
        size = next(each for each in range(max_size, 0, -1) if self.size % each == 0)
        return msgspec.structs.replace(self, size=size, number=(self.number - 1) * (self.size // size) + 1)

    def with_estimate(self, estimate: PageSizeEstimate, limit: int) -> "PageRequest":
        """The page to ask for by experience."""
        if self.size is not None:
            return self.at_most(estimate.best_size(limit))
        proved = estimate.largest_success or DEFAULT_PAGE_SIZE
        return (
            self.at_most(min(proved, estimate.best_size(limit) or proved))
            if self.is_first and estimate.default_too_large
            else self
        )

    def next_smaller(self, estimate: PageSizeEstimate, limit: int) -> "PageRequest | None":
        """The page to ask for after this one was too large; a link without size has the client's at most."""
        size = self.client_size if self.size is None else self.size
        if size is not None and size <= 1:
            return None
        half = self.size // 2 if self.size else min(DEFAULT_PAGE_SIZE, (size or 2 * DEFAULT_PAGE_SIZE) // 2)
        found = self.at_most(min(half, estimate.best_size(limit) or half))
        return None if found == self else found


def page_request_of(request: FhirRequest) -> PageRequest:
    """The page that an upstream request asks for."""
    given = request.upstream_search.parameters
    first = {each.name for each in given} <= {each.name for each in request.client_search.parameters}
    theirs = _last_number(request.client_search.parameters, {COUNT_PARAMETER})
    return PageRequest(
        _last_number(given, {COUNT_PARAMETER}), _last_number(given, _PAGE_NUMBER), first, theirs
    )


def with_page_size(request: FhirRequest, page: PageRequest) -> FhirRequest:
    """The request for a page; the same object when it asks for that already."""
    if page == page_request_of(request):
        return request
    changed = request.upstream_search.map_parameters(lambda each: (_replace_page_value(each, page),))
    if page.size is not None and not changed.values(COUNT_PARAMETER):
        place: Place = "form" if request.method == "POST" else "url"
        changed = changed.with_parameters((encode_parameter(COUNT_PARAMETER, str(page.size), place),))
    return request.replace(upstream_search=changed)


def with_page_size_in_links(bundle: Bundle, sent_search: SearchParams, size: int) -> Bundle:
    """The page with links that show the size we chose, where they show criteria; itself when they do.

    Without it the client's `_count` would be put back, and where pages have numbers matches would be skipped.
    An opaque link has the size inside.
    """
    criteria = {each.name for each in sent_search.parameters} - {COUNT_PARAMETER}
    links = tuple(_add_size_to_link(link, criteria, size) for link in bundle.links)
    return bundle if links == bundle.links else bundle.replace(links=links)


def search_signature(request: FhirRequest) -> str:
    """A name for what decides how large a match is: the resource type and what is included or left out."""
    included = (
        f"{each.code}={each.value}"
        for each in request.upstream_search.parameters
        if each.code in {"_include", "_revinclude", "_elements", "_summary"}
    )
    parts = "\0".join((request.interaction.code, *sorted(included)))
    return f"{request.interaction.type or 'all'}.{blake2b(parts.encode(), digest_size=12).hexdigest()}"


def stated_limit(failure: Failure) -> int | None:
    """The limit in bytes that a 413 names, as in "(1mb)"."""
    found = _LIMIT.search(failure.upstream_response.body[:8_000]) if failure.upstream_response else None
    return int(found[1]) * _UNITS[found[2].lower()] if found else None


def count_matches(body: bytes) -> int:
    """The number of matches in a searchset, without decoding it."""
    return len(_MATCH.findall(body))


def _last_number(parameters: tuple[Parameter, ...], names: frozenset[str] | set[str]) -> int | None:
    found = [each.value for each in parameters if each.name in names]
    return int(found[-1]) if found and found[-1].isdecimal() and len(found[-1]) < 10 else None  # noqa: PLR2004


def _replace_page_value(original: Parameter, page: PageRequest) -> Parameter:
    if original.name == COUNT_PARAMETER and page.size is not None:
        return original.with_value(str(page.size))
    if original.name in _PAGE_NUMBER and page.number is not None:
        return original.with_value(str(page.number))
    return original


def _add_size_to_link(link: Link, criteria: set[str], size: int) -> Link:
    parts = urlsplit(link.url)
    shown = {each.name for each in parse_search(parts.query).parameters}
    if COUNT_PARAMETER in shown or not shown & criteria:
        return link
    return link.with_url(parts._replace(query=f"{parts.query}&{COUNT_PARAMETER}={size}").geturl())
