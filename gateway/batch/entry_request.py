"""Request of a batch entry: the one that the client would have sent alone, with the batch's credentials."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from gateway.batch.bundle import BatchEntry
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers, SearchPlan
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.http.headers import is_plain_value
from gateway.http.negotiation import FHIR_JSON, response_media_type
from gateway.http.request_path import path_segments
from gateway.http.urls import to_relative_url
from gateway.settings import Settings
from gateway.web.request_checks import JSON_PATCH, SearchSource, parse_interaction, parse_search_source

#: Header fields that concern one request only; an entry has its own.
_SINGLE_REQUEST_HEADERS = frozenset(
    {
        *("content-encoding", "content-length", "content-type", "transfer-encoding"),
        *("if-match", "if-modified-since", "if-none-exist", "if-none-match", "if-unmodified-since"),
        *("hg-idempotency-key", "range"),
    }
)
_FORM = "application/x-www-form-urlencoded"
_METHODS_WITHOUT_BODY = frozenset({"DELETE", "GET", "HEAD"})
_INTERACTIONS_WITH_RESOURCE = frozenset({"create", "patch", "update"})
#: Maximum characters of a condition.
_MAX_CONDITION = 16_000


class _Content(NamedTuple):
    """Body of an entry's request and its media type, both empty if there is none."""

    body: bytes = b""
    media_type: str = ""


class _Binary(msgspec.Struct):
    contentType: str = ""  # noqa: N815 - FHIR's name
    data: str = ""


def entry_request(batch: FhirRequest, entry: BatchEntry, number: int, settings: Settings) -> FhirRequest:
    """Return the request of entry `number` of a batch. Raises Failure 4xx as for a request sent alone."""
    if entry.refers_to_created:
        raise _invalid(
            "Its resource refers to a resource that another entry of the batch creates", "resource"
        )
    path, query = _split_url(batch, entry.url, settings.server.max_uri)
    interaction = parse_interaction(entry.method, path)
    if interaction.code == "transaction":
        raise _invalid("A batch cannot contain a batch or transaction", "request.url")
    content = _content_of(entry, interaction)
    headers = (*_shared_headers(batch.headers), *_own_headers(entry, content))
    criteria = [value for name, value in headers if name == "if-none-exist"]
    is_form = content.media_type == _FORM
    source = SearchSource(query.encode(), content.body, content.media_type, is_form, criteria)
    search = parse_search_source(source, interaction, settings)
    return batch.replace(
        method=entry.method,
        interaction=interaction,
        path=path,
        response_format=response_media_type(search.values("_format"), batch.header("accept")),
        client_search=search,
        upstream_search=search.without_parameters("_format"),
        plan=SearchPlan(),
        headers=headers,
        body=content.body,
        request_id=f"{batch.request_id}.{number}",
    )


def unread_entry(batch: FhirRequest, entry: BatchEntry, number: int) -> FhirRequest:
    """Return a request for an entry that is no valid one: for its log line and response, never to be sent."""
    return batch.replace(
        method=entry.method, interaction=NOT_FHIR, body=b"", request_id=f"{batch.request_id}.{number}"
    )


def _split_url(batch: FhirRequest, url: str, max_uri: int) -> tuple[str, str]:
    """Path below the FHIR base, and query. Raises Failure 400 for a URL off the base, 404 or 414."""
    if len(url) > max_uri:
        raise Failure(catalog.URI_TOO_LONG)
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _invalid("Its URL has a character that must be percent-encoded", "request.url")
    path, _, query = to_relative_url(batch, url.partition("#")[0]).partition("?")
    if ":" in path or path.startswith("//"):
        raise _invalid("Its URL is not below the FHIR base to which the batch was sent", "request.url")
    path = path.removeprefix("/")
    return "/".join(path_segments(f"/{path}")) if path else "", query


def _content_of(entry: BatchEntry, interaction: Interaction) -> _Content:
    """Body that the entry's resource stands for. Raises Failure 400 if the method needs another."""
    if not entry.resource:
        if interaction.code in _INTERACTIONS_WITH_RESOURCE:
            raise _invalid("Its method needs a resource", "resource")
        return _Content(media_type=_FORM) if _is_post_search(entry, interaction) else _Content()
    if entry.method in _METHODS_WITHOUT_BODY:
        raise _invalid("Its method permits no resource", "resource")
    if _is_post_search(entry, interaction):
        return _Content(_form_of(entry.resource), _FORM)
    patch = _json_patch_of(entry.resource) if interaction.code == "patch" else None
    return patch or _Content(entry.resource, FHIR_JSON)


def _is_post_search(entry: BatchEntry, interaction: Interaction) -> bool:
    return interaction.is_search and entry.method == "POST"


def _json_patch_of(resource: bytes) -> _Content | None:
    """JSON Patch in a Binary (R4 http.html#patch); None for a FHIRPath Patch. Raises Failure 400."""
    if _resource_type(resource) != "Binary":
        return None
    try:
        binary = msgspec.json.decode(resource, type=_Binary)
        content = b64decode(binary.data, validate=True)
    except (msgspec.DecodeError, Base64Error, ValueError):
        raise _invalid("Its Binary has no readable data", "resource") from None
    if binary.contentType != JSON_PATCH:
        raise _invalid(f"A patch is a Binary of {JSON_PATCH}, or Parameters", "resource")
    return _Content(content, JSON_PATCH)


def _form_of(resource: bytes) -> bytes:
    """Search form of a Parameters resource, as SDKs send it with `_search`. Raises Failure 400."""
    return urlencode(list(_form_pairs(resource))).encode()


def _form_pairs(resource: bytes) -> Iterator[tuple[str, str]]:
    body = _decode(resource)
    items = body.get("parameter", []) if body.get("resourceType") == "Parameters" else None
    for item in items if isinstance(items, list) else [None]:
        yield _form_pair(item)


def _form_pair(item: Any) -> tuple[str, str]:
    texts = [item[name] for name in item if name.startswith("value")] if isinstance(item, dict) else []
    name = item.get("name") if texts else None
    if len(texts) != 1 or not isinstance(name, str) or not isinstance(texts[0], str):
        raise _invalid("A search needs Parameters with one text each, or a GET", "resource")
    return name, texts[0]


def _resource_type(resource: bytes) -> str:
    return str(_decode(resource).get("resourceType"))


def _decode(resource: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(resource)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _invalid("Its resource is not readable", "resource")
    return body


def _shared_headers(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0] not in _SINGLE_REQUEST_HEADERS)


def _own_headers(entry: BatchEntry, content: _Content) -> Iterator[tuple[str, str]]:
    """Conditions and media type of an entry. Raises Failure 400 for a value that no field can contain."""
    if content.media_type:
        yield "content-type", content.media_type
    for name, text in entry.conditions:
        if len(text) > _MAX_CONDITION or not is_plain_value(text):
            raise _invalid("A condition is too long, or has a byte that is not visible ASCII", "request")
        yield name, _http_date(text) if name == "if-modified-since" else text


def _http_date(text: str) -> str:
    """HTTP date of an instant. Raises Failure 400."""
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise _invalid("ifModifiedSince is no instant", "request.ifModifiedSince")
    return format_datetime(utc.replace(microsecond=0), usegmt=True)


def _invalid(text: str, element: str) -> Failure:
    kind = catalog.BATCH_ENTRY_INVALID
    return Failure(kind, text=f"{kind.text} {text}.", expression=f"Bundle.entry.{element}")
