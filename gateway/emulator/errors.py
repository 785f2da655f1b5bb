"""Error responses in the shapes of Halo's guides and OpenAPI, or as plain OperationOutcomes."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.responses import Response

from gateway.emulator.search.refusal import Refusal, RefusalSource

FIRELY_CODE_SYSTEM: Final = "http://hl7.org/fhir/dotnet-api-operation-outcome"
MISSING_KEY: Final = (
    "Access denied due to missing subscription key. "
    "Make sure to include subscription key when making requests to an API."
)
INVALID_KEY: Final = (
    "Access denied due to invalid subscription key. "
    "Make sure to provide a valid key for an active subscription."
)
NO_OPERATION: Final = "Unable to match incoming request to an operation."
NOT_FOUND: Final = "The server cannot find the requested resource."
NO_CONTACT: Final = "Site could not be contacted, please try again later or contact a system administrator."
SLOW_QUERY: Final = "Query took more than 30 seconds to return a result."
UNREACHABLE: Final = "Site cannot be contacted. Site is currently unreachable."
OFFLINE: Final = "Site cannot be contacted. Site is offline."


def too_large_refusal(limit: int) -> Refusal:
    """Refusal (413) with the query layer's text; `limit` in bytes."""
    size = f"{limit // 2**20}mb" if limit >= 2**20 else f"{limit}b"
    return Refusal(
        "query",
        413,
        "Query was executed successfully but an error occurred preparing it to be uploaded, results were too "
        f"large. Immediate query results beyond message size limit ({size})",
        "too-costly",
    )


def operation_outcome(severity: str, code: str, text: str) -> dict[str, Any]:
    """Build an OperationOutcome in the Firely SDK's form: code 5003, message in `details.text`."""
    details = {"coding": [{"system": FIRELY_CODE_SYSTEM, "code": "5003"}], "text": text}
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "details": details}],
    }


def error_response(refusal: Refusal, *, broken_envelope: bool, old_engine: bool) -> Response:
    """Build the response to a refused request; `broken_envelope` is the fault `error-envelope`.

    With that fault, an old engine (before release 23.927) sends its own errors in HTTP 200, as root fields.
    """
    status, body = refusal.status, operation_outcome("error", refusal.issue_type, refusal.text)
    if broken_envelope:
        body = ERROR_BODIES[refusal.source](refusal)
        if old_engine and refusal.source in {"engine", "query"}:
            status, body = 200, {"errorCode": refusal.error_code, "errorMessage": refusal.text}
    return json_response(body, status, refusal.headers)


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Build a JSON response with `application/json`, which the OpenAPI declares even for FHIR."""
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json; charset=utf-8")


def _status_body(refusal: Refusal) -> dict[str, Any]:
    return {
        "status": refusal.status,
        "statusText": HTTPStatus(refusal.status).phrase,
        "message": refusal.text,
    }


ERROR_BODIES: Final[dict[RefusalSource, Callable[[Refusal], dict[str, Any]]]] = {
    "apim": lambda refusal: {"statusCode": refusal.status, "message": refusal.text},
    "wrapped": lambda refusal: {"error": _status_body(refusal)},
    "flat": _status_body,
    "engine": lambda refusal: operation_outcome("fatal", "exception", refusal.text),
    "query": lambda refusal: {
        "errorDetails": {
            "errorType": refusal.error_type,
            "errorCode": refusal.error_code,
            "errorMessage": refusal.text,
        }
    },
}
