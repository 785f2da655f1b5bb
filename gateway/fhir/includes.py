"""Included resources that a page still needs after the gateway has removed some of its matches."""

import re
from collections.abc import Iterable, Sequence

from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import object_fields, string_value

_REFERENCE = re.compile(rb'"reference"\s*:\s*"([^"\\#]+)"')
_RESOURCE_PATH = re.compile(r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?$")


def search_mode(entry: Entry) -> str:
    """`entry.search.mode`; `match` if absent."""
    return entry.stated_mode or "match"


def resource_key(entry: Entry) -> str:
    """`Type/id` of the entry's resource."""
    fields = object_fields(entry.resource) if entry.resource is not None else {}
    return f"{string_value(fields.get('resourceType'))}/{string_value(fields.get('id'))}"


def reachable_includes(
    matches: Sequence[Entry],
    includes: Sequence[Entry],
    revinclude_types: frozenset[str],
    *,
    iterates: bool = True,
) -> list[Entry]:
    """Includes that a match refers to; of `revinclude_types` (`*`: any) those that refer to a match.

    `iterates`: also those of includes, as with `_include:iterate` (R4 search.html#include).
    """
    own_keys = [resource_key(entry) for entry in includes]
    own_references = [_references_of((entry,)) for entry in includes]
    reverse = ["*" in revinclude_types or key.partition("/")[0] in revinclude_types for key in own_keys]
    places_by_key = _group_places([(key,) for key in own_keys])
    referring_places = _group_places(
        [names if is_reverse else () for names, is_reverse in zip(own_references, reverse, strict=True)]
    )
    keys, references, found = (
        {resource_key(entry) for entry in matches},
        _references_of(matches),
        dict[int, None](),
    )
    while True:
        named = {place for name in references for place in places_by_key.get(name, ())}
        referring = {place for name in keys for place in referring_places.get(name, ())}
        reached = sorted((named | referring).difference(found))
        found.update(dict.fromkeys(reached))
        if not (reached and iterates):
            return [includes[place] for place in found]
        keys = {own_keys[place] for place in reached}
        references = set().union(*(own_references[place] for place in reached))


def _group_places(names: Sequence[Iterable[str]]) -> dict[str, list[int]]:
    """Places in a list by each of the names that stand there."""
    groups: dict[str, list[int]] = {}
    for place, names_there in enumerate(names):
        for name in names_there:
            groups.setdefault(name, []).append(place)
    return groups


def _references_of(entries: Iterable[Entry]) -> set[str]:
    texts = (text for entry in entries for text in _REFERENCE.findall(bytes(entry.resource or b"")))
    return {match[1] for text in texts if (match := _RESOURCE_PATH.search(text.decode()))}
