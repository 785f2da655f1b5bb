"""Endpoint of the CodeSystem of failure codes, without authentication."""

from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import encode_resource
from gateway.http.negotiation import response_media_type
from gateway.web import error_codes
from gateway.web.errors import default_headers, rejection_response

#: Path at the root and below every FHIR base.
CODE_SYSTEM_PATH = "/CodeSystem/gateway-error"


async def code_system_endpoint(request: Request) -> Response:
    """Return the CodeSystem resource (R4 codesystem.html), or 406."""
    try:
        format_ = response_media_type(
            tuple(request.query_params.getlist("_format")), request.headers.get("accept", "")
        )
    except Failure as failure:
        return rejection_response(failure, request)
    return Response(
        _encoded_code_system(), headers=default_headers(request), media_type=f"{format_}; charset=utf-8"
    )


@cache
def _encoded_code_system() -> bytes:
    return encode_resource(error_codes.code_system())
