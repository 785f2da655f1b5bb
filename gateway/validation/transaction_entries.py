"""Requests in the entries of a transaction, in R4's own form (R4 bundle.html) or refused unsent.

The practice's system could read another form as a condition that the gateway does not see.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import SAFE_METHODS, Interaction, interaction_for
from gateway.fhir.raw_json import (
    UnreadableError,
    array_items,
    object_fields,
    string_value,
    utf8_object_fields,
)
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.request_path import path_segments
from gateway.http.urls import to_relative_url

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
#: Element of `Bundle.entry.request` -> the header field that it stands for.
_HEADER_BY_ELEMENT = {
    "ifNoneExist": "if-none-exist",
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
    "ifModifiedSince": "if-modified-since",
}
#: Elements of `Bundle.entry.request` that change nothing.
_HARMLESS = frozenset({"id", "extension"})
_KNOWN = _HARMLESS.union({"method", "url"}, _HEADER_BY_ELEMENT)
#: A path without escapes, in which a system could find a question mark or another type.
_PATH = re.compile(r"[A-Za-z0-9\-._$/]*", re.ASCII)
_QUERY = re.compile(r"[!-~]*", re.ASCII)


class EntryRequest(NamedTuple):
    """What an entry asks for: the header fields of its conditions, the search of its URL, and its place.

    `if_none_exist`: its criteria, if any. `has_form`: it is a search whose criteria its URL need not have.
    """

    interaction: Interaction
    conditions: tuple[str, ...]
    search: SearchParams
    place: str
    if_none_exist: str = ""
    has_form: bool = False


def entry_requests(transaction: FhirRequest, *, with_reads: bool = False) -> Iterator[EntryRequest]:
    """Yield the requests of a transaction that may change data, or all of them.

    Raises Failure 400 for another form.
    """
    bundle = _fields_of(transaction.body, "Bundle", is_whole_body=True)
    _require_spelling(bundle, "entry", "Bundle")
    for number, raw in enumerate(_items_of(bundle)):
        place = f"Bundle.entry[{number}]"
        entry = _fields_of(raw, place)
        _require_spelling(entry, "request", place)
        if "request" in entry:
            request = _fields_of(entry["request"], f"{place}.request")
            parsed = _parse_request(transaction, request, f"{place}.request", with_reads=with_reads)
            yield from () if parsed is None else (parsed,)


def entry_failure(reason: str, place: str) -> Failure:
    """Failure 400 of a transaction that was not sent."""
    text = f"The transaction was not sent, because the gateway cannot judge it: {place} {reason}."
    return Failure(catalog.BODY_UNREADABLE, text=text, expression=place)


def _parse_request(
    transaction: FhirRequest, request: Mapping[str, Raw], place: str, *, with_reads: bool
) -> EntryRequest | None:
    """Return the request of an entry; None for a read, unless all are asked for."""
    if not _KNOWN.issuperset(request):
        raise entry_failure("has an element that R4 does not define there, or that may modify it", place)
    texts = {name: string_value(raw) for name, raw in request.items() if name not in _HARMLESS}
    for name in ("method", "url", *texts):
        if not texts.get(name):
            raise entry_failure("is missing, empty or no text", f"{place}.{name}")
    method = texts["method"]
    if method not in _METHODS:
        raise entry_failure("is not GET, HEAD, POST, PUT, PATCH or DELETE", f"{place}.method")
    path, query = _split_url(transaction, texts["url"], f"{place}.url")
    if method in SAFE_METHODS and not with_reads:
        return None
    act = _interaction_of(method, path, f"{place}.url")
    conditions = tuple(_HEADER_BY_ELEMENT[name] for name in texts if name in _HEADER_BY_ELEMENT)
    has_form = act.is_search and method == "POST"
    return EntryRequest(act, conditions, parse_search(query), place, texts.get("ifNoneExist", ""), has_form)


def _split_url(transaction: FhirRequest, url: str, place: str) -> tuple[str, str]:
    """Path below the FHIR base, and query. Raises Failure 400 for a URL off the base or malformed."""
    path, _, query = to_relative_url(transaction, url).partition("?")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise entry_failure("is not a URL below this FHIR base without escapes in its path", place)
    try:
        return "/".join(path_segments(f"/{path.removeprefix('/')}")) if path else "", query
    except Failure:
        raise entry_failure("has a malformed path", place) from None


def _interaction_of(method: str, path: str, place: str) -> Interaction:
    """Interaction of an entry. Raises Failure 400 if R4 defines none in a transaction."""
    if method == "DELETE" and path in RESOURCE_TYPES:
        return Interaction("delete", path)
    interaction = interaction_for(method, path)
    if interaction is None or interaction.code == "transaction":
        raise entry_failure("is not one that R4 defines for its method", place)
    return interaction


def _require_spelling(fields: Iterable[str], name: str, place: str) -> None:
    """Refuse an element that a system which ignores case would read as another one."""
    if any(field != name and field.casefold() == name for field in fields):
        raise entry_failure(f"has the element {name} in another spelling", place)


def _fields_of(body: bytes | Raw, place: str, *, is_whole_body: bool = False) -> Mapping[str, Raw]:
    try:
        return utf8_object_fields(bytes(body)) if is_whole_body else object_fields(body)
    except UnreadableError:
        raise entry_failure("is not a readable JSON object in UTF-8 with unique names", place) from None


def _items_of(bundle: Mapping[str, Raw]) -> list[Raw]:
    try:
        return array_items(bundle.get("entry"))
    except UnreadableError:
        raise entry_failure("is not an array", "Bundle.entry") from None
