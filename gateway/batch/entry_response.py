"""Entry of a batch-response (R4 bundle.html): status, header fields and body of one entry's response."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Raw

from gateway.errors.operation_outcome import information_outcome
from gateway.exchange import FhirRequest, FhirResponse
from gateway.http.cache_status import cache_outcome
from gateway.http.http_date import parse_http_date

#: Header field of a write that is not valid R4 (docs/validation.md).
_VALIDATION_HEADER = "gateway-validation"
#: Header fields to which the text of an outcome refers; Retry-After is in seconds.
_TOLD_HEADERS = ("Retry-After", "Allow")
_STALE_TEXT = "This response is stale: the practice could not be asked again. Its age is {} seconds."
_INVALID_TEXT = "The resource is not valid FHIR R4; it was sent all the same. Elements: {}."
_NOT_FHIR_TEXT = "The upstream's own error is not FHIR; it is left out of this batch-response."


def encode_entry(request: FhirRequest, response: FhirResponse) -> Raw:
    """Return the JSON of the response to one entry; a body that is no JSON becomes a Binary."""
    resource, outcome = _split_body(request, response)
    hints = [issue for hint in _hints(request, response) for issue in hint["issue"]]
    return Raw(
        msgspec.json.encode(
            {
                **({"resource": resource} if resource is not None else {}),
                "response": {
                    "status": _status_text(response.status),
                    **_header_elements(response),
                    **({"outcome": _with_issues(outcome, hints)} if outcome is not None or hints else {}),
                },
            }
        )
    )


def encode_batch_response(entries: list[Raw]) -> bytes:
    """Return the Bundle of the entries; FHIR permits no empty array."""
    fields = {"resourceType": "Bundle", "type": "batch-response"}
    return msgspec.json.encode({**fields, "entry": entries} if entries else fields)


def _split_body(request: FhirRequest, response: FhirResponse) -> tuple[Raw | dict[str, Any] | None, Any]:
    """Resource and outcome in a body: an error, and what a write says of itself, are outcomes."""
    if not response.body or request.method == "HEAD":
        return None, None
    if "json" not in (response.header("content-type") or "json"):
        return _binary_resource(response), None
    if response.status < HTTPStatus.BAD_REQUEST and not request.interaction.is_write:
        return Raw(response.body), None
    outcome = _outcome_in(response.body)
    if outcome is not None or response.status < HTTPStatus.BAD_REQUEST:
        return (None if outcome else Raw(response.body)), outcome
    return None, information_outcome(_NOT_FHIR_TEXT, severity="error", code="processing")


def _outcome_in(body: bytes) -> dict[str, Any] | None:
    """OperationOutcome in a body; None for any other resource."""
    if b'"OperationOutcome"' not in body[:1000]:
        return None
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_outcome = isinstance(decoded, dict) and decoded.get("resourceType") == "OperationOutcome"
    return decoded if is_outcome else None


def _binary_resource(response: FhirResponse) -> dict[str, Any]:
    content_type = response.header("content-type").partition(";")[0].strip()
    data = b64encode(response.body).decode()
    return {"resourceType": "Binary", "contentType": content_type, "data": data}


def _hints(request: FhirRequest, response: FhirResponse) -> Iterator[dict[str, Any]]:
    """Yield what a single response says in header fields, which an entry does not have."""
    for name in _TOLD_HEADERS:
        if value := response.header(name.lower()):
            yield information_outcome(f"{name}: {value}")
    if paths := response.header(_VALIDATION_HEADER):
        yield information_outcome(_INVALID_TEXT.format(paths), severity="warning", code="structure")
    is_stale = cache_outcome(response.header("cache-status"), response.status) == "stale"
    if is_stale and not request.interaction.is_search:
        text = _STALE_TEXT.format(response.header("age"))
        yield information_outcome(text, severity="warning", code="incomplete")


def _with_issues(outcome: dict[str, Any] | None, hints: list[Any]) -> dict[str, Any]:
    own = outcome or {"resourceType": "OperationOutcome"}
    issues = own.get("issue")
    return {**own, "issue": [*(issues if isinstance(issues, list) else []), *hints]}


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _header_elements(response: FhirResponse) -> dict[str, str]:
    modified = parse_http_date(response.header("last-modified"))
    texts = {
        "location": response.header("location") or response.header("content-location"),
        "etag": response.header("etag"),
        "lastModified": f"{modified.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if modified else "",
    }
    return {name: text for name, text in texts.items() if text}
