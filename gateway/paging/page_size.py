"""Page sizes that fit Halo's size limit: estimates from past pages, and the page to request.

Halo refuses an immediate result over 1 MB (older Halo Link) or 8 MB with 413, after the query ran. A server
may always return fewer matches than `_count` (R4 search.html 3.1.1.5.5), so a smaller page is correct.
"""

import re
from hashlib import blake2b
from typing import Final, Self

import msgspec

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Bundle, Link
from gateway.fhir.search_params import Parameter, Place, SearchParams, encode_parameter, parse_search
from gateway.http.urls import split_url
from gateway.paging.upstream_links import shows_criteria

TOO_LARGE: Final = "result-too-large"
SINGLE_RESOURCE_TOO_LARGE: Final = (
    "The query ran, but one resource with its includes is over the size limit. Remove _include and"
    " _revinclude, or request fewer elements with _elements or _summary. Read an attachment alone by its URL,"
    " or in the practice system."
)
COUNT_PARAMETER: Final = "_count"
#: Share of the limit that a page should fill; the rest is a margin, because entries differ in size.
TARGET_FILL: Final = 0.7
#: Share of the limit below which a page cannot have been too large: the limits in use are 1 MB and 8 MB.
_IMPLAUSIBLE_FILL: Final = 0.1
#: Share by which the bytes per match must change before an estimate is stored again.
_MIN_RELATIVE_CHANGE: Final = 0.03
#: Matches of a page that makes later pages smaller without a 413: one heavy resource says little of others.
_MIN_INFORMATIVE_MATCHES: Final = 5
#: Matches to request if neither the client nor an estimate gives a size.
DEFAULT_PAGE_SIZE: Final = 10

_PAGE_NUMBER: Final = frozenset({"page", "_page"})
_PREVIOUS: Final = frozenset({"previous", "prev"})
_OFFSET: Final = frozenset({"offset", "_offset", "skip", "_skip"})
#: Halo's documented sentence (`errors/documented_texts.py`); other numbers in a 413 are about something else.
_LIMIT = re.compile(r"message size limit \((\d{1,6}) ?([km]?)b\)", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20}
#: Limits in bytes that a 413 may state: Halo's are 1 MB and 8 MB. Another number is not believed.
_PLAUSIBLE_LIMITS: Final = range(2**18, 2**27 + 1)
_MATCH = re.compile(rb'"mode"\s*:\s*"match"')


class PageSizeEstimate(msgspec.Struct, frozen=True, array_like=True):
    """Estimate for the pages of one search signature; sizes in matches, 0 if unknown.

    `bytes_per_match` leans to the heavy matches; `largest_success` is the largest page that was returned,
    `smallest_failure` the smallest that was too large; `default_too_large`: the upstream's own size was.
    """

    bytes_per_match: float = 0.0
    largest_success: int = 0
    smallest_failure: int = 0
    default_too_large: bool = False

    def after_page(self, octets: int, matches: int) -> Self:
        """Return the estimate after a page of that many bytes and matches."""
        if not matches:
            return self
        before = self.bytes_per_match
        average = max(octets / matches, 0.8 * before + 0.2 * octets / matches)
        is_known = abs(average - before) < _MIN_RELATIVE_CHANGE * before
        # Fewer matches tell enough where a 413 has left no larger page.
        min_matches = min(_MIN_INFORMATIVE_MATCHES, self.smallest_failure // 2 or _MIN_INFORMATIVE_MATCHES)
        is_telling = matches >= min_matches or average < before
        return self._replace(
            bytes_per_match=average if is_telling and not is_known else before,
            largest_success=max(self.largest_success, matches),
            smallest_failure=0 if self.smallest_failure <= matches else self.smallest_failure,
        )

    def after_refusal(self, size: int | None) -> Self:
        """Return the estimate after a page of that size (None: the upstream's own) was too large."""
        if size is None:
            return self._replace(default_too_large=True)
        return self._replace(
            smallest_failure=min(self.smallest_failure or size, size),
            largest_success=min(self.largest_success, size - 1),
        )

    def best_size(self, limit: int) -> int | None:
        """Page size to use under a limit in bytes; None without an estimate."""
        by_bytes = max(1, int(TARGET_FILL * limit / self.bytes_per_match)) if self.bytes_per_match else None
        by_trial = (
            max(1, self.largest_success, self.smallest_failure // 2)
            if self._is_failure_plausible(limit)
            else None
        )
        sizes = [size for size in (by_bytes, by_trial) if size is not None]
        return round_to_divisible(min(sizes)) if sizes else None

    def _is_failure_plausible(self, limit: int) -> bool:
        """Whether its size explains the failed page; a 413 far below the limit is a temporary fault."""
        return bool(self.smallest_failure) and not (
            self.bytes_per_match and self.bytes_per_match * self.smallest_failure < _IMPLAUSIBLE_FILL * limit
        )

    def _replace(self, **changes: object) -> Self:
        changed = msgspec.structs.replace(self, **changes)
        return self if changed == self else changed


def round_to_divisible(size: int) -> int:
    """Round a size down to a multiple of 8 or 2, so that a numbered page can be halved again."""
    step = 8 if size >= 16 else 2 if size >= 2 else 1  # noqa: PLR2004 - halved three times, or once
    return size - size % step


class PageRequest(msgspec.Struct, frozen=True):
    """Page of an upstream request: size, number and offset, None if not stated; `client_size`: the client's.

    `is_backward`: it is read because it ends where another page begins.
    """

    size: int | None
    number: int | None
    is_first: bool
    client_size: int | None = None
    offset: int | None = None
    is_backward: bool = False

    def at_most(self, max_size: int | None) -> "PageRequest":
        """Return a page of at most `max_size` that begins at the same match; itself if it is small enough.

        A numbered page needs a divisor of its size: page p of n begins where page (p-1)k+1 of n/k begins, and
        ends where page pk ends. A backward page ends at the same match, and stays if its place is not known.
        """
        if max_size is None or (self.size is not None and self.size <= max_size):
            return self
        if self.number is None and not self.is_backward:
            return msgspec.structs.replace(self, size=max_size)
        if self.size is None:
            return self
        if self.number is None:
            return self._with_end(max_size)
        size = next(divisor for divisor in range(max_size, 0, -1) if self.size % divisor == 0)
        factor = self.size // size
        number = self.number * factor if self.is_backward else (self.number - 1) * factor + 1
        return msgspec.structs.replace(self, size=size, number=number)

    def _with_end(self, size: int) -> "PageRequest":
        """Return the last matches of a page with an offset; itself without."""
        if self.offset is None or self.size is None:
            return self
        return msgspec.structs.replace(self, size=size, offset=self.offset + self.size - size)

    def with_estimate(self, estimate: PageSizeEstimate, limit: int) -> "PageRequest":
        """Return the page to request under a limit in bytes, according to an estimate."""
        if self.size is not None:
            return self.at_most(estimate.best_size(limit))
        proven_size = estimate.largest_success or DEFAULT_PAGE_SIZE
        return (
            self.at_most(min(proven_size, estimate.best_size(limit) or proven_size))
            if self.is_first and estimate.default_too_large
            else self
        )

    def next_smaller(self, estimate: PageSizeEstimate, limit: int) -> "PageRequest | None":
        """Return a smaller page at the same match, if any; a link without size has at most `client_size`."""
        size = self.client_size if self.size is None else self.size
        if size is not None and size <= 1:
            return None
        half = self.size // 2 if self.size else min(DEFAULT_PAGE_SIZE, (size or 2 * DEFAULT_PAGE_SIZE) // 2)
        smaller = self.at_most(min(half, estimate.best_size(limit) or half))
        return None if smaller == self else smaller


def page_request_of(request: FhirRequest) -> PageRequest:
    """Return the page that an upstream request states."""
    sent, client = request.upstream_search.parameters, request.client_search.parameters
    is_first = {parameter.name for parameter in sent} <= {parameter.name for parameter in client}
    size, client_size = _last_number(sent, {COUNT_PARAMETER}), _last_number(client, {COUNT_PARAMETER})
    number, offset = _last_number(sent, _PAGE_NUMBER), _last_number(sent, _OFFSET)
    return PageRequest(size, number, is_first, client_size, offset, request.plan.position.is_backward)


def with_page_size(request: FhirRequest, page: PageRequest) -> FhirRequest:
    """Return the request for a page; the same object if it already states that page."""
    if page == page_request_of(request):
        return request
    search = request.upstream_search.map_parameters(lambda parameter: (_replace_page_value(parameter, page),))
    if page.size is not None and not search.values(COUNT_PARAMETER):
        place: Place = "form" if request.method == "POST" else "url"
        search = search.with_parameters((encode_parameter(COUNT_PARAMETER, str(page.size), place),))
    return request.replace(upstream_search=search)


def with_page_size_in_links(
    bundle: Bundle, sent_search: SearchParams, size: int, offset: int | None = None
) -> Bundle:
    """Add the size that the gateway chose to the links that show criteria; the same page if all have a size.

    Without it `with_lost_parameters` would restore the client's `_count`, and numbered pages would skip
    matches. An opaque link contains its size. `offset`: of the page; `previous` ends before it.
    """
    links = tuple(_end_before(_add_size_to_link(link, sent_search, size), offset) for link in bundle.links)
    return bundle if links == bundle.links else bundle.replace(links=links)


def _end_before(link: Link, offset: int | None) -> Link:
    """Return a `previous` link that ends before the page: a server begins it at 0 if less is left."""
    parts = split_url(link.url)
    stated = parse_search(parts.query)
    start = _last_number(stated.parameters, _OFFSET) or 0
    size = _last_number(stated.parameters, {COUNT_PARAMETER}) or 0
    if link.relation not in _PREVIOUS or offset is None or not 0 < offset - start < size:
        return link
    count = str(offset - start)
    query = stated.map_parameters(
        lambda item: (item.with_value(count) if item.name == COUNT_PARAMETER else item,)
    ).query
    return link.with_url(parts._replace(query=query).geturl())


def search_signature(request: FhirRequest) -> str:
    """Name of all that determines the size of a match: resource type, includes and omitted elements."""
    size_criteria = (
        f"{parameter.code}={parameter.value}"
        for parameter in request.upstream_search.parameters
        if parameter.code in {"_include", "_revinclude", "_elements", "_summary"}
    )
    parts = "\0".join((request.interaction.code, *sorted(size_criteria)))
    return f"{request.interaction.type or 'all'}.{blake2b(parts.encode(), digest_size=12).hexdigest()}"


def stated_limit(failure: Failure) -> int | None:
    """Limit in bytes that a 413 states of its own, as in "(1mb)"; None if it states no plausible one."""
    match = _LIMIT.search(failure.own_words)
    limit = int(match[1]) * _UNITS[match[2].lower()] if match else 0
    return limit if limit in _PLAUSIBLE_LIMITS else None


def count_matches(body: bytes) -> int:
    """Count the matches in a searchset without decoding it."""
    return len(_MATCH.findall(body))


def _last_number(parameters: tuple[Parameter, ...], names: frozenset[str] | set[str]) -> int | None:
    last = next((parameter.value for parameter in reversed(parameters) if parameter.name in names), "")
    return int(last) if last.isdecimal() and len(last) < 10 else None  # noqa: PLR2004


def _replace_page_value(original: Parameter, page: PageRequest) -> Parameter:
    if original.name == COUNT_PARAMETER and page.size is not None:
        return original.with_value(str(page.size))
    if original.name in _PAGE_NUMBER and page.number is not None:
        return original.with_value(str(page.number))
    if original.name in _OFFSET and page.offset is not None:
        return original.with_value(str(page.offset))
    return original


def _add_size_to_link(link: Link, sent_search: SearchParams, size: int) -> Link:
    parts = split_url(link.url)
    stated = parse_search(parts.query)
    if stated.values(COUNT_PARAMETER) or not shows_criteria(stated, sent_search):
        return link
    return link.with_url(parts._replace(query=f"{parts.query}&{COUNT_PARAMETER}={size}").geturl())
