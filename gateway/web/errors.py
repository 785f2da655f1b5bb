"""Error responses: a Failure becomes an OperationOutcome, an unexpected exception a reference number."""

from http import HTTPStatus
from uuid import uuid4

import structlog
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import catalog
from gateway.errors.exception_places import exception_fields
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import (
    ERROR_CODE_SYSTEM,
    MEDIA_TYPE,
    encode_resource,
    operation_outcome,
)
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.fhir.raw_json import UnreadableError
from gateway.http.cache_status import NOT_CONSULTED
from gateway.http.negotiation import prefers_fhir
from gateway.http.request_path import is_on_origin
from gateway.http.token_requests import is_token_request
from gateway.repairs import error_envelope
from gateway.upstreams.failures import NOT_FHIR
from gateway.upstreams.kinds_by_interaction import kind_for
from gateway.web.browser import request_prefers_html
from gateway.web.pages import html_page
from gateway.web.request_notes import note_failure
from gateway.web.request_reader import request_id_of

_log = structlog.get_logger()


class ErrorHandler:
    """Outermost handler: turns every exception of the inner handler into a response."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response with an encoded body, or the failure's OperationOutcome."""
        try:
            return (await self._inner(request)).with_encoded_body()
        except Failure as failure:
            return error_response(failure, request)
        except UnreadableError:
            kind = _unknown_outcome(request) if may_write(request) else NOT_FHIR
            return error_response(Failure(kind, diagnostics=f"request={request.request_id}"), request)
        except Exception as error:  # noqa: BLE001 - outermost handler: a bug must become a response
            return error_response(internal_error(error, request), request)


def error_response(failure: Failure, request: FhirRequest | None = None) -> FhirResponse:
    """Return the OperationOutcome of a failure, or the upstream's own body if it is passed through."""
    if failure.upstream_response and request and _is_passed_through(request):
        use, code = failure.upstream_use, failure.kind.code
        return failure.upstream_response.replace(upstream_use=use, failure_code=code)
    if failure.upstream_response and request and _is_vendors(failure.upstream_response, request):
        return _vendor_response(failure, failure.upstream_response, request)
    is_repaired = error_envelope.is_repaired(request, failure.upstream_response)
    retry_after = (("retry-after", str(failure.retry_after)),) if failure.retry_after is not None else ()
    headers = (("content-type", MEDIA_TYPE), ("cache-control", "no-store"), *retry_after, *failure.headers)
    repairs = (*((error_envelope.REPAIR.issue.id,) if is_repaired else ()), *failure.applied_repairs)
    body = encode_resource(operation_outcome(failure))
    return FhirResponse(
        failure.kind.status,
        headers,
        body,
        repairs,
        upstream_use=failure.upstream_use,
        failure_code=failure.kind.code,
    )


def internal_error(error: BaseException, request: FhirRequest | None = None) -> Failure:
    """Log an unexpected exception, and return a failure with the reference number of the log line.

    The upstream may have made the change of a write before the exception.

    The log contains the code positions but never the exception's text, which may contain a client's values.
    """
    reference = uuid4().hex
    _log.error("unhandled-exception", reference=reference, **exception_fields(error))
    return _interruption_failure(catalog.GATEWAY_ERROR, request, f"reference={reference}")


def shutdown_failure(request: FhirRequest | None = None) -> Failure:
    """Return the failure of a request that the gateway's shutdown cuts off; without one, it was not read."""
    return _interruption_failure(
        catalog.GATEWAY_SHUTDOWN, request, f"request={request.request_id}" if request else ""
    )


def _only_reads(request: FhirRequest) -> bool:
    return request.effects is not None and request.effects.only_reads


def _interruption_failure(cause: FailureKind, request: FhirRequest | None, diagnostics: str) -> Failure:
    """Return a failure of the gateway itself, to a write with an unknown outcome."""
    if request is None or not may_write(request) or _only_reads(request):
        return Failure(cause, diagnostics=diagnostics)
    codings = ((ERROR_CODE_SYSTEM, cause.code),)
    return Failure(_unknown_outcome(request), diagnostics=diagnostics, codings=codings)


def _unknown_outcome(request: FhirRequest) -> FailureKind:
    return kind_for(catalog.WRITE_OUTCOME_UNKNOWN, request.interaction)


def _is_passed_through(request: FhirRequest) -> bool:
    """Whether an upstream's error is passed through: on Halo's endpoints, unless the client prefers FHIR."""
    if request.site is None or request.interaction.code == "sql":
        return not prefers_fhir(request.header("accept"))
    return not error_envelope.REPAIR.is_active(request.site)


def _is_vendors(response: FhirResponse, request: FhirRequest) -> bool:
    """Whether a client of a mounted upstream gets an error as the vendor sent it.

    Its request is no FHIR, and its Accept field does not prefer FHIR; beside the base of a FHIR server, it
    asks for a token, not for a file. A success, a redirection, and an error of the network before the
    upstream (407, 511) are no errors of the vendor's.
    """
    is_error = response.status >= HTTPStatus.BAD_REQUEST and response.status not in _NETWORK_STATUSES
    is_vendors = request.interaction.code == "other" and (
        is_token_request(request) or not is_on_origin(request.path)
    )
    return is_error and is_vendors and not prefers_fhir(request.header("accept"))


_NETWORK_STATUSES = frozenset({407, 511})


def _vendor_response(failure: Failure, response: FhirResponse, request: FhirRequest) -> FhirResponse:
    """Return the vendor's status and bytes, with Retry-After and the challenge of a 401 if it sent none.

    A token endpoint has no challenge of its own to add: its client may prove itself in the form.
    """
    wait = (("retry-after", str(failure.retry_after)),) if failure.retry_after is not None else ()
    is_challenged = response.status == HTTPStatus.UNAUTHORIZED and not is_token_request(request)
    foreign = "" if is_challenged else "www-authenticate"
    fields = (field for field in (*wait, *failure.headers) if field[0] != foreign)
    added = (field for field in fields if not response.header(field[0]))
    return response.replace(
        headers=(*response.headers, ("cache-control", "no-store"), *added),
        applied_repairs=failure.applied_repairs,
        upstream_use=failure.upstream_use,
        failure_code=failure.kind.code,
    )


_KIND_BY_STATUS = {405: catalog.METHOD_NOT_ALLOWED}
_PAGE_TITLES = {404: "Not found", 405: "Method not allowed"}
_PAGE_BODY = Markup("<h1>{}</h1>\n<p>{}</p>\n")


async def not_found(request: Request, error: Exception) -> Response:
    """Return an OperationOutcome for 404 and 405, or a page for a browser outside FHIR's paths."""
    if not isinstance(error, HTTPException):
        raise error
    kind = _KIND_BY_STATUS.get(error.status_code, catalog.UNKNOWN_PATH)
    allowed = (error.headers or {}).get("Allow", "")
    methods = ", ".join(sorted(method.strip() for method in allowed.split(",")))
    failure = Failure(kind, headers=(("allow", methods),) if methods else ())
    is_fhir_path = "fhir" in request.scope["path"].split("/")
    if not is_fhir_path and request_prefers_html(request):
        return _error_page(failure, request)
    return rejection_response(failure, request)


def _error_page(failure: Failure, request: Request) -> Response:
    note_failure(request.scope, failure.kind)
    title = _PAGE_TITLES[failure.kind.status]
    fields = dict(failure.headers) | default_headers(request)
    return html_page(request, title, _PAGE_BODY.format(title, failure.text), failure.kind.status, fields)


def rejection_response(failure: Failure, request: Request) -> Response:
    """Response to a request that does not reach a handler."""
    note_failure(request.scope, failure.kind)
    response = error_response(failure)
    return Response(response.body, response.status, dict(response.headers) | default_headers(request))


def default_headers(request: Request) -> dict[str, str]:
    """Header fields of every response that does not come from a handler."""
    return {
        "x-request-id": request_id_of(request),
        "x-intermediary": "halo-gateway",
        "cache-control": "no-store",
        "cache-status": NOT_CONSULTED,
    }
