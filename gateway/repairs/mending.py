"""Applies the repairs' answer facets to a body, piece by piece, so that other requests get their turn."""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from msgspec import Raw

from gateway.core.bundle import Bundle, Entry, whole
from gateway.core.exchange import FhirRequest, FhirResponse
from gateway.repairs.repair import Repair

#: Bytes of resources mended before the loop gets its turn.
PIECE = 64_000

T = TypeVar("T")
_Fired = set[str]


def mended(
    request: FhirRequest, response: FhirResponse, repairs: Sequence[Repair]
) -> Generator[None, None, FhirResponse]:
    """A generator that yields between pieces and returns the mended response, itself when nothing fired.

    Raises UnreadableError when the body is not one JSON object.
    """
    if not response.body:
        return response
    opened, fired = response.opened(), set[str]()
    if opened.bundle is not None:
        new = yield from _bundle(request, opened.bundle, repairs, fired)
        opened = opened.with_bundle(new)
    else:
        whole(response.body)
        opened = opened.changed(body=_lone(request, response.body, repairs, fired))
    return opened.changed(repairs=_in_order(repairs, fired)) if fired else opened


def _lone(request: FhirRequest, body: bytes, repairs: Sequence[Repair], fired: _Fired) -> bytes:
    entry = _entry(request, Entry({"resource": Raw(body)}), repairs, fired)
    return bytes(entry.fields["resource"]) if fired else body


def _bundle(
    request: FhirRequest, old: Bundle, repairs: Sequence[Repair], fired: _Fired
) -> Generator[None, None, Bundle]:
    links = old.links
    for repair in repairs:
        links = _facet(repair, repair.links, request, links, fired)
    entries, done = [], 0
    for entry in old.entries:
        entries.append(_entry(request, entry, repairs, fired))
        done += len(bytes(entry.resource or b""))
        if done > PIECE:
            done = 0
            yield
    return old.changed(links=links, entries=tuple(entries)) if fired else old


def _entry(request: FhirRequest, entry: Entry, repairs: Sequence[Repair], fired: _Fired) -> Entry:
    for repair in repairs:
        entry = _facet(repair, repair.entry, request, entry, fired)
    return entry


def _facet(
    repair: Repair, facet: Callable[[FhirRequest, T], T] | None, request: FhirRequest, value: T, fired: _Fired
) -> T:
    if facet is None:
        return value
    new = facet(request, value)
    if new is not value:
        fired.add(repair.issue.id)
    return new


def _in_order(repairs: Sequence[Repair], fired: _Fired) -> tuple[str, ...]:
    return tuple(each.issue.id for each in repairs if each.issue.id in fired)
