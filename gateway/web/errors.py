"""Turns a Failure into an answer: the one place that does, with the only `except Exception`."""

import traceback
from uuid import uuid4

import structlog
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE, encode_resource, operation_outcome
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.fhir.raw_json import UnreadableError
from gateway.http.cache_status import NOT_CONSULTED
from gateway.http.negotiation import FHIR_JSON
from gateway.repairs import error_envelope
from gateway.upstreams.failures import NOT_FHIR
from gateway.web.browser import request_prefers_html
from gateway.web.pages import html_page
from gateway.web.request_reader import request_id_of

_log = structlog.get_logger()


class ErrorHandler:
    """Always an answer: what failed becomes an OperationOutcome, what is unexpected a reference number."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer as bytes, or the failure's OperationOutcome."""
        try:
            return (await self._inner(request)).with_encoded_body()
        except Failure as failure:
            return error_response(failure, request)
        except UnreadableError:
            kind = catalog.WRITE_OUTCOME_UNKNOWN if may_write(request) else NOT_FHIR
            return error_response(Failure(kind, diagnostics=f"request={request.request_id}"), request)
        except Exception as problem:  # noqa: BLE001 - the rim of the gateway: a bug must become an answer
            return error_response(internal_error(problem), request)


def error_response(failure: Failure, request: FhirRequest | None = None) -> FhirResponse:
    """The OperationOutcome of a failure; the upstream's own body where the client or a setting wants that."""
    if failure.upstream_response and request and _is_passed_through(request):
        return failure.upstream_response
    fired = failure.upstream_response is not None and error_envelope.needs_repair(failure.upstream_response)
    waiting = (("retry-after", str(failure.retry_after)),) if failure.retry_after is not None else ()
    headers = (("content-type", MEDIA_TYPE), ("cache-control", "no-store"), *waiting, *failure.headers)
    repairs = (error_envelope.REPAIR.issue.id,) if fired else ()
    return FhirResponse(failure.kind.status, headers, encode_resource(operation_outcome(failure)), repairs)


def internal_error(problem: BaseException) -> Failure:
    """The failure that an exception nobody expected means: its reference number leads to the log.

    The log names the places but never repeats the exception's words, which may hold a client's values.
    """
    reference = uuid4().hex
    places = [f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(problem.__traceback__)]
    _log.error("unhandled-exception", reference=reference, exception=type(problem).__name__, places=places)
    return Failure(catalog.GATEWAY_ERROR, diagnostics=f"reference={reference}")


def _is_passed_through(request: FhirRequest) -> bool:
    """Whether an upstream's error goes out as it came: on Halo's own endpoints unless FHIR is named."""
    if request.site is None:
        return FHIR_JSON not in request.header("accept").lower()
    return not error_envelope.REPAIR.is_active(request.site)


_KIND_BY_STATUS = {405: catalog.METHOD_NOT_ALLOWED}
_PAGE_TITLES = {404: "Not found", 405: "Method not allowed"}
_PAGE_BODY = Markup("<h1>{}</h1>\n<p>{}</p>\n")


async def not_found(request: Request, problem: Exception) -> Response:
    """An OperationOutcome for 404 and 405; a page for a browser that is outside FHIR's paths."""
    if not isinstance(problem, HTTPException):
        raise problem
    kind = _KIND_BY_STATUS.get(problem.status_code, catalog.UNKNOWN_PATH)
    allowed = (problem.headers or {}).get("Allow", "")
    methods = ", ".join(sorted(each.strip() for each in allowed.split(",")))
    failure = Failure(kind, headers=(("allow", methods),) if methods else ())
    outside = "fhir" not in request.scope["path"].split("/")
    return (
        _error_page(failure, request)
        if outside and request_prefers_html(request)
        else rejection_response(failure, request)
    )


def _error_page(failure: Failure, request: Request) -> Response:
    title = _PAGE_TITLES[failure.kind.status]
    fields = dict(failure.headers) | default_headers(request)
    return html_page(request, title, _PAGE_BODY.format(title, failure.text), failure.kind.status, fields)


def rejection_response(failure: Failure, request: Request) -> Response:
    """The answer to a request that no handler sees."""
    said = error_response(failure)
    return Response(said.body, said.status, dict(said.headers) | default_headers(request))


def default_headers(request: Request) -> dict[str, str]:
    """The header fields of every answer that no handler has seen."""
    return {
        "x-request-id": request_id_of(request),
        "x-intermediary": "halo-gateway",
        "cache-control": "no-store",
        "cache-status": NOT_CONSULTED,
    }
