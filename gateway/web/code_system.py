"""The CodeSystem of our failure codes, for everybody: who reads an OperationOutcome may look them up."""

from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import encoded
from gateway.http.negotiation import answered_as
from gateway.web import error_codes
from gateway.web.errors import always, refusal

#: Below every FHIR base, and at the root.
PATH = "/CodeSystem/gateway-error"


async def code_system(request: Request) -> Response:
    """The CodeSystem resource (R4 codesystem.html), or 406."""
    try:
        accepted = answered_as(
            tuple(request.query_params.getlist("_format")), request.headers.get("accept", "")
        )
    except Failure as failure:
        return refusal(failure, request)
    return Response(_resource(), headers=always(request), media_type=f"{accepted}; charset=utf-8")


@cache
def _resource() -> bytes:
    return encoded(error_codes.code_system())
