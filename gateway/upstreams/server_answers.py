"""Good responses of a FHIR server that are no resource: jobs, manifests, files and redirections to files.

Halo Connect sends none of them. Some servers begin a job for any request, whatever the client prefers.
"""

from codecs import BOM_UTF8
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import SAFE_METHODS
from gateway.http.negotiation import FHIR_JSON, is_json_type, media_type

_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_WITH_CONTENT = frozenset({200, 201, 203})
#: Media types of a proxy's error pages, and of FHIR's other form, whose URLs would stay as they are.
_NO_FILES = frozenset({"", "text/html", "application/xhtml+xml", "text/plain", "application/fhir+xml"})
_HTML = (b"<html", b"<!doctype html")
#: Bytes of a body that show whether it is HTML or a JSON object; spaces and a mark may precede both.
_HEAD = 200
_BEFORE_CONTENT = b"\xef\xbb\xbf \t\r\n"


class _Manifest(msgspec.Struct):
    resourceType: Any = None  # noqa: N815 - FHIR's name
    transactionTime: str = ""  # noqa: N815 - name of the specification
    output: list[msgspec.Raw] | None = None
    error: list[msgspec.Raw] | None = None


def is_other_answer(request: FhirRequest, response: FhirResponse) -> bool:
    """Whether a response is a job, the manifest or a file of an operation, or a download's redirection."""
    if response.status in _REDIRECTIONS:
        return _is_redirected_download(request, response)
    if response.status == HTTPStatus.ACCEPTED:
        return _names_job(response)
    is_result = request.interaction.code == "operation" and response.status in _WITH_CONTENT
    return is_result and (_is_file(response) or _is_manifest(response))


def with_media_type(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Return a good response to a FHIR request with a media type; itself if it names that of its content.

    A JSON object without a type, or as text, is a resource; the content of a Binary may be any text.
    """
    name, interaction = media_type(response.header("content-type")), request.interaction
    if is_json_type(name) or not response.body:
        return response
    is_content = interaction.is_binary_read or (interaction.code == "operation" and name != "text/plain")
    if not (name and is_content) and _head(response).startswith(b"{"):
        body = response.body.removeprefix(BOM_UTF8)
        return response.with_header("content-type", FHIR_JSON).replace(body=body)
    return response if name else response.with_header("content-type", "application/octet-stream")


def _is_redirected_download(request: FhirRequest, response: FhirResponse) -> bool:
    """Whether the file of a link beside the base is elsewhere; the gateway does not follow it."""
    is_download = request.interaction.code == "other" and request.method in SAFE_METHODS
    return is_download and bool(response.header("location"))


def _names_job(response: FhirResponse) -> bool:
    """Whether a 202 names the URL of a job's status, and is no page of a proxy."""
    url = response.header("content-location") or response.header("location")
    return bool(url) and not _head(response).startswith(b"<")


def _is_file(response: FhirResponse) -> bool:
    name = media_type(response.header("content-type"))
    is_page = _head(response).lower().startswith(_HTML)
    return name not in _NO_FILES and not is_json_type(name) and bool(response.body) and not is_page


def _is_manifest(response: FhirResponse) -> bool:
    """Whether a body lists the files of an asynchronous request (FHIR Bulk Data, Complete Status)."""
    if b'"transactionTime"' not in response.body and b'"output"' not in response.body:
        return False
    try:
        manifest = msgspec.json.decode(response.body, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return manifest.resourceType is None and bool(manifest.transactionTime or manifest.output is not None)


def _head(response: FhirResponse) -> bytes:
    return response.body[:_HEAD].lstrip(_BEFORE_CONTENT)
