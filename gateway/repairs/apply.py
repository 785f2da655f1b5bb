"""Application of the repairs to a response, in pieces, so that other requests can run in between."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from operator import is_
from typing import Final, NamedTuple, TypeVar

from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.fhir.bundle import Bundle, Entry, bundle_from_fields
from gateway.fhir.chunked_bundle import CHUNK_BYTES, BundleChunks, Entries, split_bundle
from gateway.fhir.includes import search_mode
from gateway.fhir.raw_json import array_objects, encoded_size, require_utf8, string_value
from gateway.repairs.repair import Fields, Links, Repair, entry_change, unchanged_entry
from gateway.search.entries import needed_includes
from gateway.upstreams.response_check import is_checked_resource

#: Header of a Bundle that no repair changed, URLs included, because a change would break its signature.
UNCHANGED_HEADER = ("gateway-unchanged", "signature")
#: JSON, but not a file with a resource in each line (NDJSON).
_JSON_TYPE = re.compile("(?<!nd)json", re.IGNORECASE)

#: Size in bytes of the largest value that is repaired in the event loop, where it takes some milliseconds.
MAX_LOOP_BYTES: Final = 32_000

#: Maximum number of entries of a Bundle: opened, each costs a hundred bytes and more, however small it is.
MAX_ENTRIES: Final = 100_000

T = TypeVar("T")
_NO_RESOURCE = Raw()
#: Entries of a piece: the smallest take most of their time for being entries.
_MAX_PIECE_ENTRIES: Final = 256
_NamedSteps = Sequence[tuple[str, Callable[[FhirRequest, T], T]]]


class ResponseSteps(NamedTuple):
    """Response facets of some repairs, each with its repair's id; made once, not per response."""

    ids: Sequence[str]
    local_response: Sequence[tuple[str, Callable[[FhirRequest], FhirResponse | None]]]
    headers: _NamedSteps[Headers]
    fields: _NamedSteps[Fields]
    links: _NamedSteps[Links]
    entry: _NamedSteps[Entry]
    keeps: Sequence[tuple[str, Callable[[FhirRequest, Entry], bool]]] = ()
    page_requests: Sequence[Callable[[FhirRequest], FhirRequest]] = ()
    judges: Sequence[Callable[[FhirRequest], bool]] = ()

    def page_request(self, request: FhirRequest) -> FhirRequest:
        """Return the request for a further page without what the repairs restored in the link to it."""
        if request.plan.position.upstream_link:
            for change in self.page_requests:
                request = change(request)
        return request


def response_steps(repairs: Sequence[Repair]) -> ResponseSteps:
    """Return the response facets of repairs, in order."""
    return ResponseSteps(
        [repair.issue.id for repair in repairs],
        [(repair.issue.id, repair.local_response) for repair in repairs if repair.local_response],
        _present_steps((repair.issue.id, repair.headers) for repair in repairs),
        _present_steps((repair.issue.id, repair.fields) for repair in repairs),
        _present_steps((repair.issue.id, repair.links) for repair in repairs),
        _present_steps((repair.issue.id, repair.entry) for repair in repairs),
        [(repair.issue.id, repair.keeps) for repair in repairs if repair.keeps],
        [repair.request for repair in repairs if repair.request and repair.links],
        [repair.judges for repair in repairs if repair.judges],
    )


def repair_response(
    request: FhirRequest, response: FhirResponse, steps: ResponseSteps
) -> Generator[bool, None, FhirResponse]:
    """Yield between pieces and return the repaired response, with its Bundle parsed.

    It yields whether the next piece is larger than MAX_LOOP_BYTES and cannot be cut. The body keeps its bytes
    if no repair changed it. Raises UnreadableError if it is not one JSON object.
    """
    repair = _ResponseRepair(request, steps)
    body, response = (
        response.body,
        response.replace(headers=repair.repair_headers(response.headers), body=b""),
    )
    if not _JSON_TYPE.search(response.header("content-type") or "json"):  # a Binary under its own type
        response = response.replace(body=body)
    elif body:
        response = yield from repair.repair_body(response, body)
    applied = repair.applied_repairs
    return response.replace(applied_repairs=applied) if applied else response


def _size(raw: Raw) -> int:
    return memoryview(raw).nbytes


def _pieces_of(chunk: Entries) -> Iterator[tuple[Entries, bool]]:
    """Yield pieces of about CHUNK_BYTES at most, and whether a piece is one entry above MAX_LOOP_BYTES."""
    sizes = [memoryview(fields.get("resource", _NO_RESOURCE)).nbytes for fields in chunk]
    if encoded_size(chunk) - sum(sizes) > MAX_LOOP_BYTES:  # another field may be large, too
        sizes = [sum(map(_size, fields.values())) for fields in chunk]
    start, piece_bytes = 0, 0
    for place, size in enumerate(sizes):
        piece_bytes += size
        if piece_bytes > CHUNK_BYTES or size > MAX_LOOP_BYTES or place - start >= _MAX_PIECE_ENTRIES:
            if start < place:
                yield chunk[start:place], False
            start, piece_bytes = place, size
        if size > MAX_LOOP_BYTES:
            yield chunk[place : place + 1], True
            start, piece_bytes = place + 1, 0
    if start < len(chunk):
        yield chunk[start:], False


class _ResponseRepair:
    """Repairs one response and records the repairs that changed it."""

    def __init__(self, request: FhirRequest, steps: ResponseSteps) -> None:
        self._request = request
        self._steps = steps
        self._is_large = False
        changes = [(repair_id, entry_change(facet, request)) for repair_id, facet in steps.entry]
        self._changes = [each for each in changes if each[1] is not unchanged_entry]
        self._applied_ids = set[str]()

    @property
    def applied_repairs(self) -> tuple[str, ...]:
        """The ids of the repairs that changed the response, in order."""
        return tuple(repair_id for repair_id in self._steps.ids if repair_id in self._applied_ids)

    def repair_headers(self, headers: Headers) -> Headers:
        """Return the repaired header fields."""
        return self._apply_steps(self._steps.headers, headers)

    def repair_body(self, response: FhirResponse, body: bytes) -> Generator[bool, None, FhirResponse]:
        """Return the response with this body, repaired; a signed Bundle stays unchanged."""
        of_headers, self._applied_ids = self._applied_ids, set()
        response = yield from self._repair_json(response, body)
        self._applied_ids |= of_headers
        return response

    def _repair_json(self, response: FhirResponse, body: bytes) -> Generator[bool, None, FhirResponse]:
        self._is_large = len(body) > MAX_LOOP_BYTES
        if not self._is_large and is_checked_resource(self._request, response, body):
            require_utf8(body)
            return response.replace(body=self._repair_lone_resource(body))
        fields, entries = yield from self._repair_pieces(split_bundle(body))
        if string_value(fields.get("resourceType")) != "Bundle":
            if len(body) > MAX_LOOP_BYTES:
                yield True
            return response.replace(body=self._repair_lone_resource(body))
        if "signature" in fields:
            self._applied_ids.clear()
            return response.replace(body=body).with_header(*UNCHANGED_HEADER)
        rest = array_objects(fields.get("entry"))
        entries += (yield from self._repair_entries(rest)) if rest else ()
        new = yield from self._repair_bundle(fields, entries)
        return response.replace(bundle=new, body=b"" if self._applied_ids else body)

    def _repair_pieces(self, chunks: BundleChunks) -> Generator[bool, None, tuple[Fields, list[Entry]]]:
        entries = list[Entry]()
        while True:
            try:
                chunk = next(chunks)
            except StopIteration as end:
                return end.value, entries
            self._require_count(len(entries) + len(chunk))
            entries += yield from self._repair_entries(chunk)

    def _require_count(self, entry_count: int) -> None:
        """Raise Failure if a Bundle has too many entries to be opened."""
        if entry_count > MAX_ENTRIES:
            is_write = may_write(self._request)
            kind = catalog.WRITE_OUTCOME_UNKNOWN if is_write else catalog.RESPONSE_TOO_LARGE
            raise Failure(kind, diagnostics=f"request={self._request.request_id}")

    def _repair_entries(self, chunk: Entries) -> Generator[bool, None, list[Entry]]:
        entries = list[Entry]()
        is_whole = not self._is_large and len(chunk) <= _MAX_PIECE_ENTRIES
        for piece, is_large in [(chunk, False)] if is_whole else _pieces_of(chunk):
            if entries or is_large:
                yield is_large
            entries += self._repair_piece(piece)
        if self._is_large:
            yield False
        return entries

    def _repair_piece(self, piece: Entries) -> list[Entry]:
        """Return the repaired entries; a new one of a large Bundle keeps no reference to the old body."""
        new = old = list(map(Entry, piece))
        for repair_id, change in self._changes:
            changed = list(map(change, new))
            if not all(map(is_, changed, new)):
                self._applied_ids.add(repair_id)
                new = changed
        if new is old or not self._is_large:
            return new
        return [entry if entry is same else entry.detach() for entry, same in zip(new, old, strict=True)]

    def _repair_bundle(self, fields: Fields, entries: list[Entry]) -> Generator[bool, None, Bundle]:
        empty = bundle_from_fields({name: raw for name, raw in fields.items() if name != "entry"})
        own = [raw for name, raw in fields.items() if name != "entry"] if self._is_large else []
        if any(_size(raw) > MAX_LOOP_BYTES for raw in own):
            yield True
        fields = self._apply_steps(self._steps.fields, fields)
        links = self._apply_steps(self._steps.links, empty.links)
        kept = yield from self._kept_entries(entries)
        if len(kept) < len(entries):  # `total` counts what is removed
            fields = {name: raw for name, raw in fields.items() if name != "total"}
        return Bundle(fields, links, tuple(kept))

    def _kept_entries(self, entries: list[Entry]) -> Generator[bool, None, Sequence[Entry]]:
        """Return the entries of a searchset that all repairs keep, with the includes that they need."""
        if not self._steps.keeps or not self._request.interaction.is_search:
            return entries
        kept, judged_bytes = list[Entry](), 0
        for entry in entries:
            kept += [entry] if self._is_kept(entry) else []
            judged_bytes += _size(entry.fields.get("resource", _NO_RESOURCE))
            if judged_bytes > CHUNK_BYTES:
                judged_bytes = 0
                yield False
        if len(kept) == len(entries):
            return entries
        matches = [entry for entry in kept if search_mode(entry) == "match"]
        includes = [entry for entry in kept if search_mode(entry) == "include"]
        needed = set(map(id, needed_includes(self._request, matches, includes)))
        return [entry for entry in kept if search_mode(entry) != "include" or id(entry) in needed]

    def _is_kept(self, entry: Entry) -> bool:
        for repair_id, keeps in self._steps.keeps:
            if not keeps(self._request, entry):
                self._applied_ids.add(repair_id)
                return False
        return True

    def _repair_lone_resource(self, body: bytes) -> bytes:
        entry = Entry({"resource": Raw(body)})
        new = self._apply_steps(self._steps.entry, entry)
        return body if new is entry else bytes(new.fields["resource"])

    def _apply_steps(self, steps: _NamedSteps[T], value: T) -> T:
        for repair_id, facet in steps:
            new = facet(self._request, value)
            if new is not value:
                self._applied_ids.add(repair_id)
            value = new
        return value


def _present_steps(steps: Iterable[tuple[str, Callable[[FhirRequest, T], T] | None]]) -> _NamedSteps[T]:
    return [(repair_id, facet) for repair_id, facet in steps if facet is not None]
