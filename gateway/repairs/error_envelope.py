"""Repair of error bodies: upstreams use six shapes, some under status 200; clients get an OperationOutcome.

`gateway/upstreams/` maps the shapes to failure kinds; `web/errors.py` writes the OperationOutcome.
"""

from gateway.exchange import FhirResponse
from gateway.fhir.raw_json import UnreadableError, object_fields, string_value
from gateway.repairs.repair import KnownIssue, Repair


def needs_repair(response: FhirResponse) -> bool:
    """Whether an upstream error has a status below 400 or is not an OperationOutcome."""
    try:
        type_ = string_value(object_fields(response.body).get("resourceType"))
    except UnreadableError:
        type_ = ""
    return response.status < 400 or type_ != "OperationOutcome"  # noqa: PLR2004 - HTTP's first error


REPAIR = Repair(
    KnownIssue(
        "error-envelope",
        "Errors come in six shapes, some of them inside a 200",
        "Halo Connect troubleshooting, 'Errors'; integrator OpenAPI 26.619, error responses",
    ),
)
