"""Errors of Health Gorilla: its published table of statuses and texts, and the forms of their bodies."""

from typing import Any, Final, Literal, NamedTuple

import msgspec
from starlette.responses import Response

Form = Literal["outcome", "oauth", "text", "empty"]

RATE_TEXT: Final = "Too many requests. The limit of requests per second of this endpoint is exceeded."
CONCURRENT_TEXT: Final = "Too many requests. The limit of concurrent p360 processes is exceeded."


class ErrorRow(NamedTuple):
    """A row of the table: status, text, issue type and the form of its body."""

    status: int
    text: str = ""
    issue_type: str = "processing"
    form: Form = "outcome"
    headers: tuple[tuple[str, str], ...] = ()


#: The error table: kind of a fault on demand -> its response.
ERRORS: Final[dict[str, ErrorRow]] = {
    "malformed-url": ErrorRow(400, form="empty"),
    "async-only": ErrorRow(
        400,
        "This operations can be executed in asynchronous mode only. Use the header Prefer: respond-async.",
        "business-rule",
    ),
    "subject": ErrorRow(400, "Subject validation failed", "security", "oauth"),
    "invalid-request": ErrorRow(400, "Invalid request: the syntax of the call is incorrect"),
    "invalid-token": ErrorRow(
        401,
        "Invalid Token",
        "security",
        headers=(("www-authenticate", 'Bearer error="invalid_token"'),),
    ),
    "wrong-version": ErrorRow(403, "Insufficient access rights to perform the operation", "forbidden"),
    "no-licence": ErrorRow(403, "Tenant has no license to execute this method.", "forbidden"),
    "not-found": ErrorRow(404, "Not found", "not-found"),
    "www-host": ErrorRow(404, "rejected_www-request", form="text"),
    "method-not-allowed": ErrorRow(405, "method not allowed", "not-supported"),
    "conflict": ErrorRow(409, form="empty"),
    "media-type": ErrorRow(415, form="empty"),
    "invalid-content": ErrorRow(422, "The 'name' field is required.", "required"),
    "id2-exists": ErrorRow(422, "Record with supplied ID2 already exists", "duplicate"),
    "empty-attachment": ErrorRow(422, "Empty content attachment supplied", "required"),
    "duplicate": ErrorRow(
        422, "Supplied record duplicates the existing one.;Failed to create duplicate", "duplicate"
    ),
    "unknown-performer": ErrorRow(422, "Supplied performer is unknown", "not-found"),
    "unknown-authorized-by": ErrorRow(
        422,
        "Supplied AuthorizedBy is unknown or cannot be used with the specified Author.",
        "business-rule",
    ),
    "rate-limit": ErrorRow(
        429, RATE_TEXT, "throttled", headers=(("retry-after", "1"), ("x-ratelimit-remaining", "0"))
    ),
    "p360-limit": ErrorRow(429, CONCURRENT_TEXT, "throttled", headers=(("retry-after", "5"),)),
    "link-expired": ErrorRow(454, form="empty"),
    "internal-error": ErrorRow(500, "Internal Server Error", "exception"),
    "timeout": ErrorRow(504, "Gateway Timeout", form="text"),
}


class GorillaError(Exception):
    """A request that is refused with a row of the table."""

    def __init__(
        self, kind: str, text: str = "", location: str = "", headers: dict[str, str] | None = None
    ) -> None:
        row = ERRORS[kind]
        super().__init__(kind)
        self.row = row._replace(text=text or row.text, headers=(*row.headers, *(headers or {}).items()))
        self.location = location

    def response(self) -> Response:
        """Build the response."""
        return error_response(self.row, self.location)


def error_response(row: ErrorRow, location: str = "") -> Response:
    """Build the response of a row; `location`: FHIRPath of the element at fault."""
    headers = dict(row.headers)
    match row.form:
        case "empty":
            return Response(None, row.status, headers)
        case "text":
            return Response(row.text, row.status, headers, media_type="text/plain")
        case "oauth":
            return oauth_error("invalid_grant", row.text, row.status)
    return fhir_response(operation_outcome(row.issue_type, row.text, location), row.status, headers)


def oauth_error(code: str, text: str, status: int = 400) -> Response:
    """Build an error of the token endpoint (RFC 6749 section 5.2)."""
    body = msgspec.json.encode({"error": code, "error_description": text})
    return Response(body, status, {"cache-control": "no-store"}, media_type="application/json")


def fhir_response(resource: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Build a response with a FHIR resource."""
    content = msgspec.json.encode(resource)
    return Response(content, status, headers, media_type="application/fhir+json;charset=utf-8")


def operation_outcome(
    issue_type: str, text: str, location: str = "", severity: str = "error"
) -> dict[str, Any]:
    """Build an OperationOutcome as Health Gorilla does: the text in `diagnostics`."""
    issue: dict[str, Any] = {"severity": severity, "code": issue_type, "diagnostics": text}
    if location:
        issue["location"] = [location]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
