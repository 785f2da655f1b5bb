"""Form of a response that the client requested: its media type, and the content of a Binary or a file."""

from http import HTTPStatus

from gateway.errors.catalog import NOT_ACCEPTABLE
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.binary_content import binary_content, permits_type
from gateway.fhir.raw_json import UnreadableError
from gateway.http.negotiation import FHIR_JSON, JSON_MEDIA_TYPES, is_json_type, media_type
from gateway.ledger.recorder import Recorder
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE
from gateway.web.errors import error_response, internal_error

#: Fields that describe a Binary's JSON form.
_JSON_FORM_FIELDS = frozenset({"etag", "last-modified"})
_OTHER_CONTENT_TEXT = (
    "The Binary has another media type than Accept permits. Send Accept: application/fhir+json to get it as"
    " a resource, which names its type."
)
_UPSTREAM_CONTENT_TEXT = (
    "The upstream sent the content in another media type than Accept permits. Send Accept: */* to get"
    " it in that type."
)


class RequestedForm:
    """Outside of ErrorHandler: gives each response the form that its client requested.

    A refusal comes after the upstream has answered: it is a failure of a request that has its queries.
    """

    def __init__(self, inner: Handler, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response in the requested form, or the refusal of it."""
        response = await self._inner(request)
        try:
            return _with_requested_media_type(request, response)
        except Failure as failure:
            return self._refuse(failure, request, response)
        except Exception as error:  # noqa: BLE001 - a bug behind the upstream's answer must become a response
            return self._refuse(internal_error(error, request), request, response)

    def _refuse(self, failure: Failure, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        """Count a failure, and return it with what the refused response says of the upstream."""
        attribution = self._recorder.attribution_of(request)
        self._recorder.record_failure(attribution, failure.kind, request.request_id)
        refusal = error_response(failure.with_upstream_use(response.upstream_use), request)
        status = response.header("cache-status")
        refusal = refusal.with_header("cache-status", status) if status else refusal
        return refusal.replace(applied_repairs=response.applied_repairs)


def _with_requested_media_type(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Set the media type that the client requested; Halo sends all FHIR as application/json.

    Raises Failure 406 or 502 for content that cannot be sent so.
    """
    is_passthrough = request.site is None or request.interaction.code in {"other", "sql"}
    if is_passthrough or not response.body:
        return response
    is_binary, is_result = request.interaction.is_binary_read, _is_mounts_result(request)
    if not is_json_type(media_type(response.header("content-type"))):
        return _with_upstream_content(request, response) if is_binary or is_result else response
    if is_result and b'"resourceType"' not in response.body:  # a manifest: JSON, but no resource
        return response
    if is_binary and request.response_format not in JSON_MEDIA_TYPES:
        return _with_native_content(request, response)
    name = request.response_format if request.response_format in JSON_MEDIA_TYPES else FHIR_JSON
    return response.with_header("content-type", f"{name}; charset=utf-8")


def _is_mounts_result(request: FhirRequest) -> bool:
    """Whether a response may be a file or a manifest: the result of an operation of a mounted upstream."""
    return request.is_mounted and request.interaction.code == "operation"


def _with_upstream_content(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Return a Binary or a file that the upstream sent in its own type, so that no browser runs it.

    A client that accepts JSON gets it, too: there is no other form of it.
    """
    is_permitted = permits_type(request.response_format, response.header("content-type"))
    if response.status == HTTPStatus.OK and not is_permitted:
        raise _not_acceptable(_UPSTREAM_CONTENT_TEXT)
    return _as_download(response)


def _with_native_content(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Return the content of a Binary in a type that the client accepts; an error is JSON.

    A browser must not run it as a page of the gateway, and the ETag is that of the JSON form.
    """
    if response.status != HTTPStatus.OK:
        return response.with_header("content-type", f"{FHIR_JSON}; charset=utf-8")
    try:
        content = binary_content(response.body, request.response_format)
    except UnreadableError:
        raise Failure(UNRECOGNISED_RESPONSE) from None
    if content is None:
        raise _not_acceptable(_OTHER_CONTENT_TEXT)
    if content.body is response.body:
        return response.with_header("content-type", f"{content.media_type}; charset=utf-8")
    headers = tuple(field for field in response.headers if field[0] not in _JSON_FORM_FIELDS)
    native = _as_download(response.replace(headers=headers, body=content.body))
    return native.with_header("content-type", content.media_type)


def _as_download(response: FhirResponse) -> FhirResponse:
    """Tell browsers to save the content, under the upstream's name of the file if it gives one so."""
    disposition = response.header("content-disposition")
    is_attachment = disposition.partition(";")[0].strip().lower() == "attachment"
    download = response.with_header("content-disposition", disposition if is_attachment else "attachment")
    return download.with_header("x-content-type-options", "nosniff")


def _not_acceptable(text: str) -> Failure:
    return Failure(NOT_ACCEPTABLE, text=text, expression="http.Accept")
