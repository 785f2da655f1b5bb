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
from gateway.fhir.search_params import Parameter, Place, Search, parameter, search

TOO_LARGE: Final = "result-too-large"
ALONE: Final = (
    "One resource, with what it includes, is larger than Halo can return. Leave _include and _revinclude out,"
    " or ask for less of it with _elements or _summary; an attachment alone can be read by its URL, or at the"
    " practice."
)
COUNT: Final = "_count"
#: The share of the limit that a page should fill: entries differ in size.
AIM: Final = 0.7
#: Less than that of the limit cannot have been too large: the limits in use are 1 MB and 8 MB.
_FAR_BELOW: Final = 0.1
_SAME: Final = 0.03  # bytes per match that differ by less than this share teach nothing new
#: The page asked for where neither the client nor experience names a size.
FIRST_GUESS: Final = 10

_PAGE_NUMBER: Final = frozenset({"page", "_page"})
_LIMIT = re.compile(rb"\((\d{1,6}) ?([km]?)b\)", re.IGNORECASE)
_UNITS: Final = {b"": 1, b"k": 2**10, b"m": 2**20}
_MATCH = re.compile(rb'"mode"\s*:\s*"match"')


class Fit(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the pages of one kind of search.

    `each` is bytes per match, leaning to the heavy ones; `fits` the largest page that came, `fails` the
    smallest that did not (0: unknown); `overflows` whether the upstream's own page size was too large.
    """

    each: float = 0.0
    fits: int = 0
    fails: int = 0
    overflows: bool = False

    def after_page(self, octets: int, matches: int) -> Self:
        """What is known after a page came."""
        if not matches:
            return self
        each = max(octets / matches, 0.8 * self.each + 0.2 * octets / matches)
        return self._changed(
            each=self.each if abs(each - self.each) < _SAME * self.each else each,
            fits=max(self.fits, matches),
            fails=0 if self.fails <= matches else self.fails,
        )

    def after_refusal(self, size: int | None) -> Self:
        """What is known after a page of that size, or of the upstream's own, was too large."""
        if size is None:
            return self._changed(overflows=True)
        return self._changed(fails=min(self.fails or size, size), fits=min(self.fits, size - 1))

    def best(self, limit: int) -> int | None:
        """The page size to use under a limit in bytes; None while nothing is known."""
        by_bytes = max(1, int(AIM * limit / self.each)) if self.each else None
        by_trial = max(1, self.fits, self.fails // 2) if self._fails_by_size(limit) else None
        known = [each for each in (by_bytes, by_trial) if each is not None]
        return divisible(min(known)) if known else None

    def _fails_by_size(self, limit: int) -> bool:
        """Whether size explains what failed; a 413 far below the limit is a fault that will pass."""
        return bool(self.fails) and not (self.each and self.each * self.fails < _FAR_BELOW * limit)

    def _changed(self, **changes: object) -> Self:
        changed = msgspec.structs.replace(self, **changes)
        return self if changed == self else changed


def divisible(size: int) -> int:
    """The size, or a little less, so that it can be halved again where pages have numbers."""
    step = 8 if size >= 16 else 2 if size >= 2 else 1  # noqa: PLR2004 - halved three times, or once
    return size - size % step


class Asked(msgspec.Struct, frozen=True):
    """The page that a request asks for: its size and number, where it names them; `most` is the client's."""

    size: int | None
    page: int | None
    first: bool
    most: int | None = None

    def of(self, wanted: int | None) -> "Asked":
        """The page of at most the wanted size that begins at the same match; itself when it is small enough.

        Where pages have numbers only a divisor will do: page p of n begins where page (p-1)k+1 of n/k does.
        """
        if wanted is None or (self.size is not None and self.size <= wanted):
            return self
        if self.page is None:
            return msgspec.structs.replace(self, size=wanted)
        if self.size is None:
            return self
        size = next(each for each in range(wanted, 0, -1) if self.size % each == 0)
        return msgspec.structs.replace(self, size=size, page=(self.page - 1) * (self.size // size) + 1)

    def planned(self, fit: Fit, limit: int) -> "Asked":
        """The page to ask for by experience."""
        if self.size is not None:
            return self.of(fit.best(limit))
        proved = fit.fits or FIRST_GUESS
        return self.of(min(proved, fit.best(limit) or proved)) if self.first and fit.overflows else self

    def smaller(self, fit: Fit, limit: int) -> "Asked | None":
        """The page to ask for after this one was too large; a link without size has the client's at most."""
        size = self.most if self.size is None else self.size
        if size is not None and size <= 1:
            return None
        half = self.size // 2 if self.size else min(FIRST_GUESS, (size or 2 * FIRST_GUESS) // 2)
        found = self.of(min(half, fit.best(limit) or half))
        return None if found == self else found


def asked(request: FhirRequest) -> Asked:
    """The page that an upstream request asks for."""
    given = request.search.parameters
    first = {each.name for each in given} <= {each.name for each in request.asked.parameters}
    theirs = _number(request.asked.parameters, {COUNT})
    return Asked(_number(given, {COUNT}), _number(given, _PAGE_NUMBER), first, theirs)


def asking_for(request: FhirRequest, page: Asked) -> FhirRequest:
    """The request for a page; the same object when it asks for that already."""
    if page == asked(request):
        return request
    changed = request.search.mapped(lambda each: (_replaced(each, page),))
    if page.size is not None and not changed.values(COUNT):
        place: Place = "form" if request.method == "POST" else "url"
        changed = changed.with_added((parameter(COUNT, str(page.size), place),))
    return request.changed(search=changed)


def continued(bundle: Bundle, sent: Search, size: int) -> Bundle:
    """The page with links that show the size we chose, where they show criteria; itself when they do.

    Without it the client's `_count` would be put back, and where pages have numbers matches would be skipped.
    An opaque link has the size inside.
    """
    criteria = {each.name for each in sent.parameters} - {COUNT}
    links = tuple(_sized(link, criteria, size) for link in bundle.links)
    return bundle if links == bundle.links else bundle.changed(links=links)


def kind_of_search(request: FhirRequest) -> str:
    """A name for what decides how large a match is: the resource type and what is included or left out."""
    included = (
        f"{each.code}={each.value}"
        for each in request.search.parameters
        if each.code in {"_include", "_revinclude", "_elements", "_summary"}
    )
    parts = "\0".join((request.interaction.code, *sorted(included)))
    return f"{request.interaction.type or 'all'}.{blake2b(parts.encode(), digest_size=12).hexdigest()}"


def stated_limit(failure: Failure) -> int | None:
    """The limit in bytes that a 413 names, as in "(1mb)"."""
    found = _LIMIT.search(failure.received.body[:8_000]) if failure.received else None
    return int(found[1]) * _UNITS[found[2].lower()] if found else None


def matches(body: bytes) -> int:
    """The number of matches in a searchset, without decoding it."""
    return len(_MATCH.findall(body))


def _number(given: tuple[Parameter, ...], names: frozenset[str] | set[str]) -> int | None:
    found = [each.value for each in given if each.name in names]
    return int(found[-1]) if found and found[-1].isdecimal() and len(found[-1]) < 10 else None  # noqa: PLR2004


def _replaced(each: Parameter, page: Asked) -> Parameter:
    if each.name == COUNT and page.size is not None:
        return each.replaced(str(page.size))
    if each.name in _PAGE_NUMBER and page.page is not None:
        return each.replaced(str(page.page))
    return each


def _sized(link: Link, criteria: set[str], size: int) -> Link:
    parts = urlsplit(link.url)
    shown = {each.name for each in search(parts.query).parameters}
    if COUNT in shown or not shown & criteria:
        return link
    return link.at(parts._replace(query=f"{parts.query}&{COUNT}={size}").geturl())
