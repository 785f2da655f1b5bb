"""Errors come in half a dozen shapes, some inside a 200: clients get one OperationOutcome.

What the shapes mean is in `gateway/dialects/`; `web/errors.py` writes the outcome.
"""

from gateway.exchange import FhirResponse
from gateway.fhir.raw_json import UnreadableError, object_fields, string_value
from gateway.repairs.repair import KnownIssue, Repair


def needs_repair(response: FhirResponse) -> bool:
    """Whether an upstream error needs mending: it came under a 2xx, or is no OperationOutcome."""
    try:
        shape = string_value(object_fields(response.body).get("resourceType"))
    except UnreadableError:
        shape = ""
    return response.status < 400 or shape != "OperationOutcome"  # noqa: PLR2004 - HTTP's first error


REPAIR = Repair(
    KnownIssue(
        "error-envelope",
        "Errors come in six shapes, some of them inside a 200",
        "Halo Connect troubleshooting, 'Errors'; integrator OpenAPI 26.619, error responses",
    ),
)
