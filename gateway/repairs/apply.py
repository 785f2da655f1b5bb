"""Applies the repairs' answer facets to a body, piece by piece, so that other requests get their turn."""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple, TypeVar

from msgspec import Raw

from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.fhir.bundle import Bundle, Entry, bundle_from_fields
from gateway.fhir.chunked_bundle import CHUNK_BYTES, BundleChunks, Entries, split_bundle
from gateway.fhir.raw_json import array_objects, string_value
from gateway.repairs.repair import Fields, Links, Repair

#: Says that a Bundle passed as it came, URLs and all, because any change would break its signature.
UNCHANGED_HEADER = ("gateway-unchanged", "signature")

T = TypeVar("T")
_NO_RESOURCE = Raw()
_NamedSteps = Sequence[tuple[str, Callable[[FhirRequest, T], T]]]


class ResponseSteps(NamedTuple):
    """What some repairs do on the way out, each facet under its repair's id; made once, not per answer."""

    ids: Sequence[str]
    local_response: Sequence[tuple[str, Callable[[FhirRequest], FhirResponse | None]]]
    headers: _NamedSteps[Headers]
    fields: _NamedSteps[Fields]
    links: _NamedSteps[Links]
    entry: _NamedSteps[Entry]


def response_steps(repairs: Sequence[Repair]) -> ResponseSteps:
    """The answer facets of repairs, in order."""
    return ResponseSteps(
        [each.issue.id for each in repairs],
        [(each.issue.id, each.local_response) for each in repairs if each.local_response],
        _present_steps((each.issue.id, each.headers) for each in repairs),
        _present_steps((each.issue.id, each.fields) for each in repairs),
        _present_steps((each.issue.id, each.links) for each in repairs),
        _present_steps((each.issue.id, each.entry) for each in repairs),
    )


def repair_response(
    request: FhirRequest, response: FhirResponse, steps: ResponseSteps
) -> Generator[None, None, FhirResponse]:
    """A generator that yields between pieces and returns the mended response, a Bundle opened.

    The body stays the very bytes that came where no repair fired. Raises UnreadableError when it is not one
    JSON object.
    """
    work = _ResponseRepair(request, steps)
    body, response = response.body, response.replace(headers=work.repair_headers(response.headers), body=b"")
    if "json" not in (response.header("content-type") or "json"):  # a Binary under its own type
        response = response.replace(body=body)
    elif body:
        response = yield from work.repair_body(response, body)
    return response.replace(applied_repairs=work.applied_repairs) if work.applied_repairs else response


class _ResponseRepair:
    """The repairs at work on one answer."""

    def __init__(self, request: FhirRequest, steps: ResponseSteps) -> None:
        self._request = request
        self._steps = steps
        self._applied_ids = set[str]()

    @property
    def applied_repairs(self) -> tuple[str, ...]:
        """The repairs that changed something, in order."""
        return tuple(each for each in self._steps.ids if each in self._applied_ids)

    def repair_headers(self, headers: Headers) -> Headers:
        """The header fields, mended."""
        return self._apply_steps(self._steps.headers, headers)

    def repair_body(self, response: FhirResponse, body: bytes) -> Generator[None, None, FhirResponse]:
        """The response with this body, mended; a signed Bundle stays."""
        before = frozenset(self._applied_ids)
        fields, entries = yield from self._repair_pieces(split_bundle(body))
        if string_value(fields.get("resourceType")) != "Bundle":
            return response.replace(body=self._repair_lone_resource(body))
        if "signature" in fields:
            self._applied_ids &= before
            return response.replace(body=body).with_header(*UNCHANGED_HEADER)
        entries += yield from self._repair_entries(array_objects(fields.get("entry")))
        new = self._repair_bundle(fields, entries)
        return response.replace(bundle=new, body=b"" if self._applied_ids - before else body)

    def _repair_pieces(
        self, pieces_of_body: BundleChunks
    ) -> Generator[None, None, tuple[Fields, list[Entry]]]:
        entries = list[Entry]()
        while True:
            try:
                piece = next(pieces_of_body)
            except StopIteration as end:
                return end.value, entries
            entries += yield from self._repair_entries(piece)

    def _repair_entries(self, piece: Entries) -> Generator[None, None, list[Entry]]:
        entries, done = list[Entry](), 0
        for fields in piece:
            entries.append(self._repair_entry(Entry(fields)))
            done += memoryview(fields.get("resource", _NO_RESOURCE)).nbytes
            if done > CHUNK_BYTES:
                done = 0
                yield
        yield
        return entries

    def _repair_entry(self, old: Entry) -> Entry:
        """The entry, mended; a new one holds on to nothing of the old body."""
        new = self._apply_steps(self._steps.entry, old)
        return new if new is old else Entry({name: raw.copy() for name, raw in new.fields.items()})

    def _repair_bundle(self, fields: Fields, entries: list[Entry]) -> Bundle:
        empty = bundle_from_fields({name: raw for name, raw in fields.items() if name != "entry"})
        own = self._apply_steps(self._steps.fields, fields)
        links = self._apply_steps(self._steps.links, empty.links)
        return Bundle(own, links, tuple(entries))

    def _repair_lone_resource(self, body: bytes) -> bytes:
        entry = Entry({"resource": Raw(body)})
        new = self._apply_steps(self._steps.entry, entry)
        return body if new is entry else bytes(new.fields["resource"])

    def _apply_steps(self, steps: _NamedSteps[T], value: T) -> T:
        for name, facet in steps:
            new = facet(self._request, value)
            if new is not value:
                self._applied_ids.add(name)
            value = new
        return value


def _present_steps(steps: Iterable[tuple[str, Callable[[FhirRequest, T], T] | None]]) -> _NamedSteps[T]:
    """The facets that a repair has, under its id."""
    return [(name, facet) for name, facet in steps if facet is not None]
