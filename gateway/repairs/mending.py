"""Applies the repairs' answer facets to a body, piece by piece, so that other requests get their turn."""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

from msgspec import Raw

from gateway.core.bundle import Bundle, Entry, bundle, items, opened, string
from gateway.core.exchange import FhirRequest, FhirResponse
from gateway.core.pieces import PIECE, Pieces, pieces
from gateway.repairs.repair import Fields, Repair

#: Says that a Bundle passed as it came, URLs and all, because any change would break its signature.
UNCHANGED = ("gateway-unchanged", "signature")

T = TypeVar("T")
_Named = Sequence[tuple[str, Callable[[FhirRequest, T], T]]]


def mended(
    request: FhirRequest, response: FhirResponse, repairs: Sequence[Repair]
) -> Generator[None, None, FhirResponse]:
    """A generator that yields between pieces and returns the mended response, a Bundle opened.

    The body stays the very bytes that came where no repair fired. Raises UnreadableError when it is not one
    JSON object.
    """
    work = _Mending(request, repairs)
    body, response = response.body, response.changed(headers=work.headers(response.headers), body=b"")
    if "json" not in (response.header("content-type") or "json"):  # a Binary under its own type
        response = response.changed(body=body)
    elif body:
        response = yield from work.body(response, body)
    return response.changed(repairs=work.fired) if work.fired else response


class _Mending:
    """The repairs at work on one answer."""

    def __init__(self, request: FhirRequest, repairs: Sequence[Repair]) -> None:
        self._request = request
        self._repairs = repairs
        self._found = set[str]()
        self._entry = _named((each.issue.id, each.entry) for each in repairs)

    @property
    def fired(self) -> tuple[str, ...]:
        """The repairs that changed something, in order."""
        return tuple(each.issue.id for each in self._repairs if each.issue.id in self._found)

    def headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """The header fields, mended."""
        return self._each(_named((each.issue.id, each.headers) for each in self._repairs), headers)

    def body(self, response: FhirResponse, body: bytes) -> Generator[None, None, FhirResponse]:
        """The response with this body, mended; a signed Bundle stays."""
        before = frozenset(self._found)
        fields, entries = yield from self._read(pieces(body))
        if string(fields.get("resourceType")) != "Bundle":
            return response.changed(body=self._lone(body))
        if "signature" in fields:
            self._found &= before
            return response.changed(body=body).with_header(*UNCHANGED)
        entries += yield from self._mended(items(fields.get("entry")))
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

    def _mended(self, piece: list[Raw]) -> Generator[None, None, list[Entry]]:
        entries, done = list[Entry](), 0
        for raw in piece:
            entries.append(self._one(Entry(opened(raw))))
            done += memoryview(raw).nbytes
            if done > PIECE:
                done = 0
                yield
        yield
        return entries

    def _one(self, old: Entry) -> Entry:
        """The entry, mended; a new one holds on to nothing of the old body."""
        new = self._each(self._entry, old)
        return new if new is old else Entry({name: raw.copy() for name, raw in new.fields.items()})

    def _bundle(self, fields: Fields, entries: list[Entry]) -> Bundle:
        empty = bundle({name: raw for name, raw in fields.items() if name != "entry"})
        own = self._each(_named((each.issue.id, each.fields) for each in self._repairs), fields)
        links = self._each(_named((each.issue.id, each.links) for each in self._repairs), empty.links)
        return Bundle(own, links, tuple(entries))

    def _lone(self, body: bytes) -> bytes:
        entry = Entry({"resource": Raw(body)})
        new = self._each(self._entry, entry)
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
