"""OperationOutcomes among the entries of a searchset: errors that fail the search, and warnings.

R4 (search.html 3.1.1.3.1, Bundle.entry.search.mode) allows warnings and information there, never `error` or
`fatal`: a search that failed is a 4xx or 5xx. An upstream's error among the entries is therefore a failure of
the whole search: the missing matches are unknown. The only exception: Firely's catch-all calls an ignored
parameter `fatal`, although the upstream ran the search without it. The gateway downgrades that to a warning,
unless the client sent `Prefer: handling=strict`.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry, bundle_from_fields
from gateway.fhir.raw_json import contains, object_fields, string_value
from gateway.http.preferences import requires_strict_handling
from gateway.upstreams.error_body import is_failure_outcome, issue_text
from gateway.upstreams.own_words import OwnWords

#: Texts by which upstreams report that they ignored a search parameter.
UNSUPPORTED_PARAMETER = (
    r"(argument|parameter|modifier)\b.{0,80} not supported|(unsupported|unknown) parameter"
)

#: Issues about ignored parameters that are read; more of them are a failure of the search.
_MAX_IGNORED = 20
_OUTCOME_MARKER = b'"OperationOutcome"'
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


class _Entry(msgspec.Struct):
    resource: Raw = Raw()


class _Searchset(msgspec.Struct):
    entry: list[_Entry] | None = None


def failing_outcome(body: bytes, request: FhirRequest) -> bytes:
    """First OperationOutcome among the entries that reports a failure; empty if there is none.

    With `Prefer: handling=strict` an ignored parameter is a failure, too.
    """
    if not contains(body, _OUTCOME_MARKER):
        return b""
    strict = requires_strict_handling(request)
    own_words = OwnWords(request)
    return next(
        (
            raw
            for raw, outcome in _outcome_entries(body)
            if is_failure_outcome(outcome)
            and (strict or not _has_only_ignored_parameters(outcome, own_words))
        ),
        b"",
    )


def downgrade_ignored_parameters(body: bytes) -> bytes:
    """Downgrade severe issues about ignored parameters to warnings; the same object if there are none."""
    if not any(is_failure_outcome(outcome) for _, outcome in _outcome_entries(body)):
        return body
    bundle = bundle_from_fields(object_fields(body))
    return bundle.replace(entries=tuple(map(_downgrade_entry, bundle.entries))).encode()


def _outcome_entries(body: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for entry in _decode_entries(body) if contains(body, _OUTCOME_MARKER) else ():
        raw = bytes(entry.resource)
        resource = _decode_object(raw) if _OUTCOME_MARKER in raw else {}
        if resource.get("resourceType") == "OperationOutcome":
            yield raw, resource


def _decode_entries(body: bytes) -> list[_Entry]:
    try:
        return msgspec.json.decode(body, type=_Searchset).entry or []
    except _DECODE_ERRORS:
        return []


def _decode_object(raw: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except _DECODE_ERRORS:
        return {}
    return value if isinstance(value, dict) else {}


def _has_only_ignored_parameters(outcome: dict[str, Any], own_words: OwnWords) -> bool:
    """Whether every severe issue is about an ignored parameter, in the upstream's own words."""
    issues = list(filter(_is_severe, _outcome_issues(outcome)))
    return 0 < len(issues) <= _MAX_IGNORED and all(
        re.search(UNSUPPORTED_PARAMETER, own_words.of(issue_text(issue)), re.IGNORECASE) for issue in issues
    )


def _outcome_issues(outcome: dict[str, Any]) -> list[dict[str, Any]]:
    issues = outcome.get("issue")
    return [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []


def _is_severe(issue: dict[str, Any]) -> bool:
    return issue.get("severity") not in {"warning", "information"}


def _downgrade_entry(entry: Entry) -> Entry:
    resource = entry.resource
    if resource is None or string_value(object_fields(resource).get("resourceType")) != "OperationOutcome":
        return entry
    outcome = msgspec.json.decode(resource)
    issues = [
        {**issue, "severity": "warning"} if _is_severe(issue) else issue for issue in _outcome_issues(outcome)
    ]
    return entry.with_field("resource", Raw(msgspec.json.encode({**outcome, "issue": issues})))
