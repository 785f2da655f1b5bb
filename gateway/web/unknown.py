"""What no route knows: an unknown path, or a method that a known one does not have."""

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.http.cache_status import LOCAL
from gateway.web.browser import for_person
from gateway.web.errors import answer
from gateway.web.pages import page
from gateway.web.request_reader import named

_KINDS = {405: catalog.METHOD}
_TITLES = {404: "Not found", 405: "Method not allowed"}
_BODY = Markup("<h1>{}</h1>\n<p>{}</p>\n")


async def unknown(request: Request, problem: Exception) -> Response:
    """An OperationOutcome for 404 and 405; a page for a browser that is outside FHIR's paths."""
    if not isinstance(problem, HTTPException):
        raise problem
    kind = _KINDS.get(problem.status_code, catalog.UNKNOWN_PATH)
    allowed = (problem.headers or {}).get("Allow", "")
    methods = ", ".join(sorted(each.strip() for each in allowed.split(",")))
    failure = Failure(kind, headers=(("allow", methods),) if methods else ())
    outside = "fhir" not in request.scope["path"].split("/")
    return _refusal_page(failure, request) if outside and for_person(request) else refusal(failure, request)


def _refusal_page(failure: Failure, request: Request) -> Response:
    title = _TITLES[failure.kind.status]
    fields = dict(failure.headers) | always(request)
    return page(request, title, _BODY.format(title, failure.text), failure.kind.status, fields)


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
