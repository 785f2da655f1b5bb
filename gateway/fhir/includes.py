"""Which included resources of a page still belong to its matches after some matches were filtered out."""

import re
from collections.abc import Iterable, Sequence

from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import opened, string

_REFERENCE = re.compile(rb'"reference"\s*:\s*"([^"\\#]+)"')
_TAIL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?$")
#: The usual spellings, which need no decoding: a page may have thousands of entries.
_MODES = {b'{"mode":"%s"}' % name.encode(): name for name in ("match", "include", "outcome")}


def mode(entry: Entry) -> str:
    """`entry.search.mode`; an entry that does not say is a match."""
    raw = entry.fields.get("search")
    if raw is None:
        return "match"
    return _MODES.get(bytes(raw)) or string(opened(raw).get("mode")) or "match"


def key(entry: Entry) -> str:
    """`Type/id` of an entry's resource."""
    fields = opened(entry.resource) if entry.resource is not None else {}
    return f"{string(fields.get('resourceType'))}/{string(fields.get('id'))}"


def without_orphans(kept: Sequence[Entry], included: Sequence[Entry], reverse: frozenset[str]) -> list[Entry]:
    """The includes a kept entry refers to or, of the `reverse` types (`_revinclude`), that refer to one."""
    keys, wanted = {key(entry) for entry in kept}, _references_of(kept)
    entries, waiting = list[Entry](), list(included)
    while waiting:
        reached = [each for each in waiting if _belongs(each, keys, wanted, reverse)]
        if not reached:
            break
        entries, waiting = entries + reached, [each for each in waiting if each not in reached]
        keys, wanted = keys | {key(each) for each in reached}, wanted | _references_of(reached)
    return entries


def _belongs(entry: Entry, keys: set[str], wanted: set[str], reverse: frozenset[str]) -> bool:
    name = key(entry)
    if name in wanted:
        return True
    return name.partition("/")[0] in reverse and not keys.isdisjoint(_references_of((entry,)))


def _references_of(entries: Iterable[Entry]) -> set[str]:
    texts = (text for entry in entries for text in _REFERENCE.findall(bytes(entry.resource or b"")))
    return {found[1] for text in texts if (found := _TAIL.search(text.decode()))}
