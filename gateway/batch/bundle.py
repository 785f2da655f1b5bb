"""Entries of a client's batch Bundle (R4 bundle.html), checked as a whole before any is sent."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import Headers
from gateway.fhir.raw_json import UnreadableError, array_items, object_fields, string_value

#: Element of `Bundle.entry.request` -> the header field that it stands for.
_CONDITIONS = {
    "ifNoneMatch": "if-none-match",
    "ifModifiedSince": "if-modified-since",
    "ifMatch": "if-match",
    "ifNoneExist": "if-none-exist",
}
_REQUIRED = ("method", "url")
#: Characters of a URL for a quick look, such as `urn:uuid:`, and how many different ones are looked for.
_START_LENGTH, _MAX_STARTS = 9, 4
#: Elements that change nothing. Any other might be a condition in a wrong spelling.
_HARMLESS = frozenset({"id", "extension"})


class BatchEntry(NamedTuple):
    """An entry: method and URL as written, conditions as header fields, and the resource's bytes if any.

    `created_urls`: `fullUrl` of the entries that create a resource, whose real URL only the upstream knows.
    """

    method: str
    url: str
    conditions: Headers = ()
    resource: bytes = b""
    full_url: str = ""
    created_urls: frozenset[str] = frozenset()

    @property
    def refers_to_created(self) -> bool:
        """Whether the resource refers to one that an entry of the batch creates; decodes it if need be."""
        return _may_contain(self.resource, self.created_urls) and not self.created_urls.isdisjoint(
            _references(self.resource)
        )


def batch_entries(body: bytes, max_entries: int) -> tuple[BatchEntry, ...] | None:
    """Return the entries of a batch; None if the body is no Bundle of type `batch`.

    Raises Failure 400 if the Bundle is invalid or has more entries than permitted.
    """
    try:
        fields = object_fields(body) if body else {}
        if (string_value(fields.get("resourceType")), string_value(fields.get("type"))) != (
            "Bundle",
            "batch",
        ):
            return None
        items = [object_fields(item) for item in _limited_items(fields, max_entries)]
    except UnreadableError:
        raise _invalid(
            "Its entries are not readable JSON objects with unique names", "Bundle.entry"
        ) from None
    entries = [_parse_entry(number, item) for number, item in enumerate(items)]
    _require_distinct_urls(entries)
    created = frozenset(entry.full_url for entry in entries if entry.method == "POST" and entry.full_url)
    return tuple(entry._replace(created_urls=created) for entry in entries)


def _may_contain(resource: bytes, urls: AbstractSet[str]) -> bool:
    """Quick look whether a resource has the start of one of the URLs, or an escape that may hide it."""
    starts = {url[:_START_LENGTH].encode() for url in urls}
    if not starts or len(starts) > _MAX_STARTS:
        return bool(starts)
    return any(text in resource for text in (b"\\", *starts))


def _limited_items(fields: Mapping[str, Raw], max_entries: int) -> Sequence[Raw]:
    items = array_items(fields.get("entry"))
    if len(items) > max_entries:
        text = f"It has more than {max_entries} entries, the gateway's limit server.max_batch_entries"
        raise _invalid(text, "Bundle.entry", issue="too-costly")
    return items


def _require_distinct_urls(entries: Sequence[BatchEntry]) -> None:
    """Reject a `fullUrl` that occurs twice (bdl-7): the entries would depend on their order."""
    counts = Counter(entry.full_url for entry in entries if entry.full_url)
    if any(count > 1 for count in counts.values()):
        raise _invalid("Two entries have the same fullUrl", "Bundle.entry.fullUrl")


def _parse_entry(number: int, item: Mapping[str, Raw]) -> BatchEntry:
    place = f"Bundle.entry[{number}].request"
    request = _request_fields(item, place)
    texts = {name: string_value(raw) for name, raw in request.items() if name not in _HARMLESS}
    if not all(texts.get(name) for name in _REQUIRED) or not all(texts.values()):
        raise _invalid("An entry's request lacks method or url, or has an element that is no text", place)
    conditions = tuple((_CONDITIONS[name], text) for name, text in texts.items() if name in _CONDITIONS)
    resource = bytes(item.get("resource", Raw()))
    full_url = string_value(item.get("fullUrl"))
    return BatchEntry(texts["method"], texts["url"], conditions, resource, full_url)


def _request_fields(item: Mapping[str, Raw], place: str) -> Mapping[str, Raw]:
    """Fields of an entry's request. Raises Failure 400 without one, or with an element of unknown effect."""
    try:
        fields = object_fields(item["request"])
    except (KeyError, UnreadableError):
        raise _invalid("An entry has no request", place) from None
    known = _HARMLESS.union(_REQUIRED, _CONDITIONS)
    if not known.issuperset(fields) or "modifierExtension" in item:
        raise _invalid("An entry's request has an element that R4 does not define or that modifies it", place)
    return fields


def _references(resource: bytes) -> Iterator[str]:
    """Every `reference` in a resource; none in one that cannot be decoded, which fails as a request."""
    try:
        values = [msgspec.json.decode(resource)] if resource else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    while values:
        value: Any = values.pop()
        if isinstance(value, dict):
            if isinstance(value.get("reference"), str):
                yield value["reference"]
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)


def _invalid(text: str, expression: str, issue: str = "") -> Failure:
    return Failure(
        catalog.BATCH_INVALID,
        text=f"{catalog.BATCH_INVALID.text} {text}.",
        expression=expression,
        issue=issue,
    )
