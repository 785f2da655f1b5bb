"""Entries of a client's page: which are matches, which includes they need, and each only once."""

from collections.abc import Iterable, Sequence

from msgspec import Raw

from gateway.errors.operation_outcome import encode_resource, information_outcome
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.includes import reachable_includes, resource_key, search_mode
from gateway.fhir.raw_json import encode, object_fields, string_json, string_value
from gateway.upstreams.entry_modes import may_include_type

_INCLUDE_MODE = encode({"mode": string_json("include")})
_NO_URL = Raw()
_OUTCOME_MODE = encode({"mode": string_json("outcome")})


def possible_includes(request: FhirRequest, filtered: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return, as includes, the filtered entries that may be includes of the searched type.

    The upstream did not say that they are matches, and an include of the search can give their type.
    """
    if not may_include_type(request.client_search, request.interaction.type):
        return ()
    return tuple(entry.with_field("search", _INCLUDE_MODE) for entry in filtered if not entry.stated_mode)


def needed_includes(
    request: FhirRequest, matches: Sequence[Entry], includes: Sequence[Entry]
) -> Sequence[Entry]:
    """Return the includes that the remaining matches need."""
    criteria = request.client_search.parameters
    reverse = frozenset(item.value.partition(":")[0] for item in criteria if item.code == "_revinclude")
    iterates = any(item.name.endswith((":iterate", ":recurse")) for item in criteria)
    return reachable_includes(matches, includes, reverse, iterates=iterates)


def unique_entries(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries with each version of a resource at a `fullUrl` once: a match comes first, before an include.

    bdl-7 permits a `fullUrl` twice if `meta.versionId` differs.
    """
    if _have_different_urls(entries):
        return tuple(entries)
    by_url: dict[str, list[Entry]] = {}
    unique = []
    for entry in entries:
        url = entry.full_url
        others = by_url.setdefault(url, []) if url else []
        if others and any(_is_same_version(entry, other) for other in others):
            continue
        others.append(entry)
        unique.append(entry)
    return tuple(unique)


def _have_different_urls(entries: Sequence[Entry]) -> bool:
    """Whether no `fullUrl` occurs twice, as far as its JSON shows without decoding."""
    urls = [bytes(entry.fields.get("fullUrl", _NO_URL)) for entry in entries]
    return len(set(urls)) == len(urls) and b"\\" not in b"".join(urls)


def _is_same_version(entry: Entry, other: Entry) -> bool:
    if entry.resource == other.resource:
        return True
    versions = {_version(entry), _version(other)} - {""}
    return resource_key(entry) == resource_key(other) and len(versions) <= 1


def _version(entry: Entry) -> str:
    meta = object_fields(entry.resource).get("meta") if entry.resource is not None else None
    return string_value(object_fields(meta).get("versionId")) if meta is not None else ""


def warning_entry(text: str) -> Entry:
    """Entry with an OperationOutcome that warns of an incomplete or wider result."""
    outcome = information_outcome(text, severity="warning", code="incomplete")
    return Entry({"resource": Raw(encode_resource(outcome)), "search": _OUTCOME_MODE})


def included_entries(entries: Iterable[Entry]) -> list[Entry]:
    """Entries whose mode is `include`."""
    return [entry for entry in entries if search_mode(entry) == "include"]


def outcome_entries(entries: Iterable[Entry]) -> list[Entry]:
    """Entries that are neither matches nor includes."""
    return [entry for entry in entries if search_mode(entry) not in {"match", "include"}]
