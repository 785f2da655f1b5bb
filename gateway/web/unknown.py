"""What no route knows: an unknown path, or a method that a known one does not have."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.core import kinds
from gateway.core.failure import Failure
from gateway.handlers.answered import answer

_KINDS = {405: kinds.METHOD}


async def unknown(request: Request, problem: Exception) -> Response:
    """An OperationOutcome for 404 and 405, whatever the path."""
    del request
    if not isinstance(problem, HTTPException):
        raise problem
    kind = _KINDS.get(problem.status_code, kinds.UNKNOWN_PATH)
    headers = problem.headers or {}
    said = answer(Failure(kind, headers=tuple((name.lower(), value) for name, value in headers.items())))
    return Response(said.body, said.status, dict(said.headers))
