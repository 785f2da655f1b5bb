"""OperationOutcomes among the entries of a searchset: what the upstream says of a search it carried out.

R4 (search.html 3.1.1.3.1, Bundle.entry.search.mode) allows warnings and information there, never `error` or
`fatal`: a search that failed is a 4xx or 5xx. So an upstream's error among the entries is a failure of the
whole search, for nobody knows what is missing. The one exception: Firely's catch-all calls an ignored
parameter `fatal`, although the search was carried out without it. That is a warning and is lowered to one,
unless the client asked for `Prefer: handling=strict`.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from gateway.fhir.bundle import Entry, bundle
from gateway.fhir.raw_json import opened, string
from gateway.upstreams.error_body import fails, said

#: How upstreams say that they left a search parameter out.
UNSUPPORTED = r"(argument|parameter|modifier)\b.{0,80} not supported|(unsupported|unknown) parameter"

_MARK = b'"OperationOutcome"'
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


class _Entry(msgspec.Struct):
    resource: Raw = Raw()


class _Searchset(msgspec.Struct):
    entry: list[_Entry] | None = None


def failing_outcome(body: bytes, *, strict: bool = False) -> bytes:
    """The first OperationOutcome among the entries that reports a failure; empty when none does.

    `strict`: so does one that only says that a parameter was ignored.
    """
    return next(
        (raw for raw, found in _outcomes(body) if fails(found) and (strict or not _ignored(found))), b""
    )


def lowered(body: bytes) -> bytes:
    """The searchset with grave issues about ignored parameters as warnings; the very same without any."""
    if not any(fails(found) for _, found in _outcomes(body)):
        return body
    whole = bundle(opened(body))
    return whole.changed(entries=tuple(map(_entry, whole.entries))).encoded()


def _outcomes(body: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for each in _entries(body) if _MARK in body else ():
        raw = bytes(each.resource)
        if _MARK in raw and (found := _decoded(raw)).get("resourceType") == "OperationOutcome":
            yield raw, found


def _entries(body: bytes) -> list[_Entry]:
    try:
        return msgspec.json.decode(body, type=_Searchset).entry or []
    except _UNREADABLE:
        return []


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except _UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def _ignored(found: dict[str, Any]) -> bool:
    """Whether every grave issue is about a parameter that was left out."""
    grave = [each for each in _issues(found) if _is_grave(each)]
    return bool(grave) and all(re.search(UNSUPPORTED, said(each), re.IGNORECASE) for each in grave)


def _issues(found: dict[str, Any]) -> list[dict[str, Any]]:
    issues = found.get("issue")
    return [each for each in issues if isinstance(each, dict)] if isinstance(issues, list) else []


def _is_grave(issue: dict[str, Any]) -> bool:
    return issue.get("severity") not in {"warning", "information"}


def _entry(entry: Entry) -> Entry:
    resource = entry.resource
    if resource is None or string(opened(resource).get("resourceType")) != "OperationOutcome":
        return entry
    found = msgspec.json.decode(resource)
    issues = [{**each, "severity": "warning"} if _is_grave(each) else each for each in _issues(found)]
    return entry.with_field("resource", Raw(msgspec.json.encode({**found, "issue": issues})))
