"""Repair of error bodies: upstreams use six shapes, some under status 200; clients get an OperationOutcome.

`gateway/upstreams/` maps the shapes to failure kinds; `web/errors.py` writes the OperationOutcome.
"""

from collections.abc import Iterator

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import UnreadableError, object_fields, string_value
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import UpstreamAnswer
from gateway.sites.issue_states import Verdict


def needs_repair(response: FhirResponse) -> bool:
    """Whether an upstream error has a status below 400 or is not an OperationOutcome."""
    try:
        type_ = string_value(object_fields(response.body).get("resourceType"))
    except UnreadableError:
        type_ = ""
    return response.status < 400 or type_ != "OperationOutcome"  # noqa: PLR2004 - HTTP's first error


def is_repaired(request: FhirRequest | None, response: FhirResponse | None) -> bool:
    """Whether the outcome of an upstream's error is this repair's work: Halo Connect alone has the issue."""
    is_mount = request is not None and request.site is not None and request.site.is_mount
    return response is not None and not is_mount and needs_repair(response)


def witness_errors(_: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield by status whether an error is an OperationOutcome."""
    response = answer.failure.upstream_response if answer.failure else None
    if response is not None:
        yield str(response.status), "broken" if needs_repair(response) else "right"


REPAIR = Repair(
    KnownIssue(
        "error-envelope",
        "Errors come in six shapes, some of them inside a 200",
        "Halo Connect troubleshooting, 'Errors'; integrator OpenAPI 26.619, error responses",
        "status 200 of immediate queries: fixed in 23.927; the shapes: nothing",
    ),
    witness=witness_errors,
)
