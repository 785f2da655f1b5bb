"""What no route knows: an unknown path, or a method that a known one does not have."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.core import kinds
from gateway.core.cache_status import LOCAL
from gateway.core.failure import Failure
from gateway.handlers.answered import answer
from gateway.web.incoming import named

_KINDS = {405: kinds.METHOD}


async def unknown(request: Request, problem: Exception) -> Response:
    """An OperationOutcome for 404 and 405, whatever the path."""
    if not isinstance(problem, HTTPException):
        raise problem
    kind = _KINDS.get(problem.status_code, kinds.UNKNOWN_PATH)
    allowed = (problem.headers or {}).get("Allow", "")
    methods = ", ".join(sorted(each.strip() for each in allowed.split(",")))
    return refusal(Failure(kind, headers=(("allow", methods),) if methods else ()), request)


def refusal(failure: Failure, request: Request) -> Response:
    """The answer to a request that no handler sees."""
    said = answer(failure)
    return Response(said.body, said.status, dict(said.headers) | always(request))


def always(request: Request) -> dict[str, str]:
    """The header fields of every answer that no handler has seen."""
    return {
        "x-request-id": named(request),
        "x-intermediary": "halo-gateway",
        "cache-control": "no-store",
        "cache-status": LOCAL,
    }
