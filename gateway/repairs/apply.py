"""Applies the repairs' answer facets to a body, piece by piece, so that other requests get their turn."""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple, TypeVar

from msgspec import Raw

from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.fhir.bundle import Bundle, Entry, bundle
from gateway.fhir.chunked_bundle import PIECE, Entries, Pieces, pieces
from gateway.fhir.raw_json import objects, string
from gateway.repairs.repair import Fields, Links, Repair

#: Says that a Bundle passed as it came, URLs and all, because any change would break its signature.
UNCHANGED = ("gateway-unchanged", "signature")

T = TypeVar("T")
_NOTHING = Raw()
_Named = Sequence[tuple[str, Callable[[FhirRequest, T], T]]]


class Facets(NamedTuple):
    """What some repairs do on the way out, each facet under its repair's id; made once, not per answer."""

    ids: Sequence[str]
    answer: Sequence[tuple[str, Callable[[FhirRequest], FhirResponse | None]]]
    headers: _Named[Headers]
    fields: _Named[Fields]
    links: _Named[Links]
    entry: _Named[Entry]


def facets(repairs: Sequence[Repair]) -> Facets:
    """The answer facets of repairs, in order."""
    return Facets(
        [each.issue.id for each in repairs],
        [(each.issue.id, each.answer) for each in repairs if each.answer],
        _named((each.issue.id, each.headers) for each in repairs),
        _named((each.issue.id, each.fields) for each in repairs),
        _named((each.issue.id, each.links) for each in repairs),
        _named((each.issue.id, each.entry) for each in repairs),
    )


def mended(
    request: FhirRequest, response: FhirResponse, facets: Facets
) -> Generator[None, None, FhirResponse]:
    """A generator that yields between pieces and returns the mended response, a Bundle opened.

    The body stays the very bytes that came where no repair fired. Raises UnreadableError when it is not one
    JSON object.
    """
    work = _Mending(request, facets)
    body, response = response.body, response.changed(headers=work.headers(response.headers), body=b"")
    if "json" not in (response.header("content-type") or "json"):  # a Binary under its own type
        response = response.changed(body=body)
    elif body:
        response = yield from work.body(response, body)
    return response.changed(repairs=work.fired) if work.fired else response


class _Mending:
    """The repairs at work on one answer."""

    def __init__(self, request: FhirRequest, facets: Facets) -> None:
        self._request = request
        self._facets = facets
        self._found = set[str]()

    @property
    def fired(self) -> tuple[str, ...]:
        """The repairs that changed something, in order."""
        return tuple(each for each in self._facets.ids if each in self._found)

    def headers(self, headers: Headers) -> Headers:
        """The header fields, mended."""
        return self._each(self._facets.headers, headers)

    def body(self, response: FhirResponse, body: bytes) -> Generator[None, None, FhirResponse]:
        """The response with this body, mended; a signed Bundle stays."""
        before = frozenset(self._found)
        fields, entries = yield from self._read(pieces(body))
        if string(fields.get("resourceType")) != "Bundle":
            return response.changed(body=self._lone(body))
        if "signature" in fields:
            self._found &= before
            return response.changed(body=body).with_header(*UNCHANGED)
        entries += yield from self._mended(objects(fields.get("entry")))
        new = self._bundle(fields, entries)
        return response.changed(bundle=new, body=b"" if self._found - before else body)

    def _read(self, reading: Pieces) -> Generator[None, None, tuple[Fields, list[Entry]]]:
        entries = list[Entry]()
        while True:
            try:
                piece = next(reading)
            except StopIteration as end:
                return end.value, entries
            entries += yield from self._mended(piece)

    def _mended(self, piece: Entries) -> Generator[None, None, list[Entry]]:
        entries, done = list[Entry](), 0
        for fields in piece:
            entries.append(self._one(Entry(fields)))
            done += memoryview(fields.get("resource", _NOTHING)).nbytes
            if done > PIECE:
                done = 0
                yield
        yield
        return entries

    def _one(self, old: Entry) -> Entry:
        """The entry, mended; a new one holds on to nothing of the old body."""
        new = self._each(self._facets.entry, old)
        return new if new is old else Entry({name: raw.copy() for name, raw in new.fields.items()})

    def _bundle(self, fields: Fields, entries: list[Entry]) -> Bundle:
        empty = bundle({name: raw for name, raw in fields.items() if name != "entry"})
        own = self._each(self._facets.fields, fields)
        links = self._each(self._facets.links, empty.links)
        return Bundle(own, links, tuple(entries))

    def _lone(self, body: bytes) -> bytes:
        entry = Entry({"resource": Raw(body)})
        new = self._each(self._facets.entry, entry)
        return body if new is entry else bytes(new.fields["resource"])

    def _each(self, facets: _Named[T], value: T) -> T:
        for name, facet in facets:
            new = facet(self._request, value)
            if new is not value:
                self._found.add(name)
            value = new
        return value


def _named(facets: Iterable[tuple[str, Callable[[FhirRequest, T], T] | None]]) -> _Named[T]:
    """The facets that a repair has, under its id."""
    return [(name, facet) for name, facet in facets if facet is not None]
