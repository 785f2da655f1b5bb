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

from gateway.fhir.bundle import Entry, bundle_from_fields
from gateway.fhir.raw_json import object_fields, string_value
from gateway.upstreams.error_body import is_failure_outcome, issue_text

#: How upstreams say that they left a search parameter out.
UNSUPPORTED_PARAMETER = (
    r"(argument|parameter|modifier)\b.{0,80} not supported|(unsupported|unknown) parameter"
)

_OUTCOME_MARKER = b'"OperationOutcome"'
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


class _Entry(msgspec.Struct):
    resource: Raw = Raw()


class _Searchset(msgspec.Struct):
    entry: list[_Entry] | None = None


def failing_outcome(body: bytes, *, strict: bool = False) -> bytes:
    """The first OperationOutcome among the entries that reports a failure; empty when none does.

    `strict`: so does one that only says that a parameter was ignored.
    """
    return next(
        (
            raw
            for raw, found in _outcome_entries(body)
            if is_failure_outcome(found) and (strict or not _has_only_ignored_parameters(found))
        ),
        b"",
    )


def downgrade_ignored_parameters(body: bytes) -> bytes:
    """The searchset with grave issues about ignored parameters as warnings; the very same without any."""
    if not any(is_failure_outcome(found) for _, found in _outcome_entries(body)):
        return body
    whole = bundle_from_fields(object_fields(body))
    return whole.replace(entries=tuple(map(_downgrade_entry, whole.entries))).encode()


def _outcome_entries(body: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for each in _decode_entries(body) if _OUTCOME_MARKER in body else ():
        raw = bytes(each.resource)
        if (
            _OUTCOME_MARKER in raw
            and (found := _decode_object(raw)).get("resourceType") == "OperationOutcome"
        ):
            yield raw, found


def _decode_entries(body: bytes) -> list[_Entry]:
    try:
        return msgspec.json.decode(body, type=_Searchset).entry or []
    except _DECODE_ERRORS:
        return []


def _decode_object(raw: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except _DECODE_ERRORS:
        return {}
    return found if isinstance(found, dict) else {}


def _has_only_ignored_parameters(outcome: dict[str, Any]) -> bool:
    """Whether every grave issue is about a parameter that was left out."""
    grave = [each for each in _outcome_issues(outcome) if _is_severe(each)]
    return bool(grave) and all(
        re.search(UNSUPPORTED_PARAMETER, issue_text(each), re.IGNORECASE) for each in grave
    )


def _outcome_issues(outcome: dict[str, Any]) -> list[dict[str, Any]]:
    issues = outcome.get("issue")
    return [each for each in issues if isinstance(each, dict)] if isinstance(issues, list) else []


def _is_severe(issue: dict[str, Any]) -> bool:
    return issue.get("severity") not in {"warning", "information"}


def _downgrade_entry(entry: Entry) -> Entry:
    resource = entry.resource
    if resource is None or string_value(object_fields(resource).get("resourceType")) != "OperationOutcome":
        return entry
    found = msgspec.json.decode(resource)
    issues = [
        {**each, "severity": "warning"} if _is_severe(each) else each for each in _outcome_issues(found)
    ]
    return entry.with_field("resource", Raw(msgspec.json.encode({**found, "issue": issues})))
