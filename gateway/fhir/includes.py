"""Included resources that a page still needs after the gateway has removed some of its matches."""

import re
from collections.abc import Iterable, Sequence

from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import object_fields, string_value

_REFERENCE = re.compile(rb'"reference"\s*:\s*"([^"\\#]+)"')
_RESOURCE_PATH = re.compile(r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?$")
#: Usual JSON of `entry.search`, compared without decoding: a page may have thousands of entries.
_MODES = {b'{"mode":"%s"}' % name.encode(): name for name in ("match", "include", "outcome")}


def search_mode(entry: Entry) -> str:
    """`entry.search.mode`; `match` if absent."""
    raw = entry.fields.get("search")
    if raw is None:
        return "match"
    return _MODES.get(bytes(raw)) or string_value(object_fields(raw).get("mode")) or "match"


def resource_key(entry: Entry) -> str:
    """`Type/id` of the entry's resource."""
    fields = object_fields(entry.resource) if entry.resource is not None else {}
    return f"{string_value(fields.get('resourceType'))}/{string_value(fields.get('id'))}"


def reachable_includes(
    matches: Sequence[Entry], includes: Sequence[Entry], revinclude_types: frozenset[str]
) -> list[Entry]:
    """Includes that a reachable entry refers to; of `revinclude_types` also those that refer to it."""
    keys, references = {resource_key(entry) for entry in matches}, _references_of(matches)
    entries, remaining = list[Entry](), list(includes)
    while remaining:
        reached = [entry for entry in remaining if _is_reachable(entry, keys, references, revinclude_types)]
        if not reached:
            break
        entries, remaining = entries + reached, [entry for entry in remaining if entry not in reached]
        keys |= {resource_key(entry) for entry in reached}
        references |= _references_of(reached)
    return entries


def _is_reachable(
    entry: Entry, keys: set[str], referenced_keys: set[str], revinclude_types: frozenset[str]
) -> bool:
    name = resource_key(entry)
    if name in referenced_keys:
        return True
    return name.partition("/")[0] in revinclude_types and not keys.isdisjoint(_references_of((entry,)))


def _references_of(entries: Iterable[Entry]) -> set[str]:
    texts = (text for entry in entries for text in _REFERENCE.findall(bytes(entry.resource or b"")))
    return {match[1] for text in texts if (match := _RESOURCE_PATH.search(text.decode()))}
