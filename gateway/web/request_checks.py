"""Checks of client requests: each mistake is rejected with its own error, before any upstream request."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import Headers
from gateway.fhir.interaction import SAFE_METHODS, Interaction, allowed_methods, interaction_for
from gateway.fhir.raw_json import UnreadableError, json_depth, object_fields
from gateway.fhir.resource_types import RESOURCE_TYPES, RESOURCE_TYPES_BY_VERSION, FhirVersion
from gateway.fhir.search_params import SearchParams
from gateway.http.headers import CREDENTIALS
from gateway.http.negotiation import (
    FORM_MEDIA_TYPES,
    RESOURCE_MEDIA_TYPES,
    has_supported_version,
    is_native_type,
    media_type,
)
from gateway.http.request_path import (
    Target,
    path_below_mount,
    target_from_path,
    unchanged_path_below_mount,
    without_mount,
)
from gateway.search.limits import parse_limited_search, require_valid_count
from gateway.settings import Server, Settings
from gateway.upstreams.dialect import BEARER, CredentialScheme, Dialect

_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]+")
_BODY_HEADERS = frozenset({"content-length", "transfer-encoding"})
#: Size from which received pieces are one block, and size of a body whose blocks are joined in a thread.
_BLOCK_BYTES, _LARGE_BYTES = 64 * 1024, 2 * 1024 * 1024
_BRACKETS = (b"{", b"[", b"]", b"}")
#: Media type of a JSON Patch (RFC 6902).
JSON_PATCH = "application/json-patch+json"

_INTERACTIONS_WITH_BODY = frozenset({"create", "patch", "update"})
_TOO_LARGE_TEXT = (
    "The request body is larger than {size:,} bytes, the gateway's limit for this upstream. It was not sent."
    " Send a smaller body, or ask the gateway's operator to raise {setting}."
)
_TYPE_UNKNOWN_TEXT = (
    "The path contains no resource type of FHIR STU3, which this upstream uses. Check the spelling and the"
    " capital letters."
)
_VERSION_UNSUPPORTED_TEXT = (
    "The body's version of FHIR is not the one that is used here. Send application/fhir+json;"
    " fhirVersion={version}."
)
_BEARER_MISSING_TEXT = (
    "Credentials are missing. Send Authorization: Bearer and an access token of this upstream. The request"
    " was not sent."
)
_EMPTY_TEXT = f"{catalog.BODY_UNREADABLE.text} This one is empty, and the request was not sent."


def parse_target(request: Request, max_uri: int, mount: str = "") -> Target:
    """Return the target of the raw path below a mount. Raises Failure 400, 404 or 414."""
    return target_from_path(without_mount(_raw_path(request, max_uri), mount))


def parse_path(request: Request, max_uri: int, mount: str) -> str:
    """Return the path below a mount. Raises Failure 400, 404 or 414."""
    return path_below_mount(_raw_path(request, max_uri), mount)


def parse_unchanged_path(request: Request, max_uri: int, mount: str) -> str:
    """Return the path below a mount byte for byte. Raises Failure 400 or 414."""
    return unchanged_path_below_mount(_raw_path(request, max_uri), mount)


def parse_interaction(method: str, path: str, version: FhirVersion = "4.0") -> Interaction:
    """Return the FHIR interaction with an upstream of a version. Raises Failure 404 or 405."""
    types = RESOURCE_TYPES_BY_VERSION[version]
    interaction = interaction_for(method, path, types)
    if interaction is not None:
        return interaction
    methods = allowed_methods(path, types)
    if methods:
        raise method_failure(methods)
    first = path.partition("/")[0]
    if _TYPE_NAME.fullmatch(first) and first not in types:
        raise Failure(catalog.TYPE_UNKNOWN, text="" if types is RESOURCE_TYPES else _TYPE_UNKNOWN_TEXT)
    raise Failure(catalog.UNKNOWN_PATH)


def method_failure(methods: Iterable[str]) -> Failure:
    """Return a 405 that names the methods of a path (RFC 9110 section 15.5.6)."""
    return Failure(catalog.METHOD_NOT_ALLOWED, headers=(("allow", ", ".join(methods)),))


def api_from_credentials(request: Request, dialect: Dialect) -> str:
    """Name of the first API of an upstream whose credential the request contains. Raises Failure 401."""
    for api, scheme in dialect.apis.items():
        require_single_credential(request, scheme)
        if _has_credential(request, scheme):
            return api
    raise _missing_credential(dialect.credentials)


def require_credential(request: Request, scheme: CredentialScheme) -> None:
    """Reject a request without the whole credential, or with a field of it twice. Raises Failure 400 or 401.

    The upstream decides whether the credential is valid.
    """
    require_single_credential(request, scheme)
    if not _has_credential(request, scheme):
        raise _missing_credential(scheme)


def caller_headers(request: Request, dialect: Dialect) -> Headers:
    """Return the header fields by which a rejected request is attributed to a caller.

    Of several APIs the first counts whose whole credential is there, else none; a field that is there twice
    names no caller.
    """
    schemes = [*dialect.apis.values()] or [dialect.credentials]
    scheme = next((scheme for scheme in schemes if _has_credential(request, scheme)), None)
    own = scheme.headers if scheme else ()
    single = {name for name in own if len(request.headers.getlist(name)) == 1}
    others = tuple(header for header in request.headers.items() if header[0] not in CREDENTIALS)
    return others + tuple((name, request.headers[name]) for name in own if single == set(own))


def require_single_credential(request: Request, scheme: CredentialScheme) -> None:
    """Reject a request with two header fields of one credential. Raises Failure 400."""
    if any(len(request.headers.getlist(name)) > 1 for name in scheme.headers):
        raise Failure(catalog.CREDENTIALS_AMBIGUOUS)


async def read_body(request: Request, limit: int, setting: str = "") -> bytes:
    """Read the whole request body. Raises Failure 413 as soon as it exceeds the limit in bytes.

    The failure names the limit and its setting, if one is given.
    """
    has_body = any(name in request.headers for name in _BODY_HEADERS)
    if request.method in SAFE_METHODS and not has_body:
        return b""
    blocks, block, size = list[bytes](), bytearray(), 0
    try:
        async for piece in request.stream():
            block += piece
            size += len(piece)
            if size > limit:
                text = _TOO_LARGE_TEXT.format(size=limit, setting=setting) if setting else ""
                raise Failure(catalog.BODY_TOO_LARGE, text=text)
            if len(block) >= _BLOCK_BYTES:
                blocks.append(bytes(block))
                block.clear()
    except ClientDisconnect:
        raise Failure(catalog.BAD_REQUEST) from None
    blocks.append(bytes(block))
    # The join of a large body takes milliseconds, but releases the GIL: in a thread the loop goes on.
    return b"".join(blocks) if size < _LARGE_BYTES else await to_thread.run_sync(b"".join, blocks)


class SearchSource(NamedTuple):
    """Parts of a request that hold search criteria, or a resource: `content` is a search form if `is_form`.

    `query` is ASCII; `criteria` are the values of If-None-Exist. `version`: that of the upstream's FHIR.
    `is_mounted`: the upstream is no Halo Connect, and its maximum replaces a larger `_count`.
    """

    query: bytes
    content: bytes = b""
    content_type: str = ""
    is_form: bool = False
    criteria: Sequence[str] = ()
    version: FhirVersion = "4.0"
    is_mounted: bool = False


def parse_request_search(
    request: Request,
    interaction: Interaction,
    content: bytes,
    settings: Settings,
    version: FhirVersion | None = None,
) -> SearchParams:
    """Parse the search in URL and form; `version`: that of a mounted upstream.

    Raises Failure 400 or 415, also for an invalid resource body.
    """
    source = SearchSource(
        request.scope["query_string"],
        content,
        request.headers.get("content-type", ""),
        interaction.is_search and request.method == "POST",
        request.headers.getlist("if-none-exist"),
        version or "4.0",
        is_mounted=version is not None,
    )
    return parse_search_source(source, interaction, settings)


def parse_search_source(source: SearchSource, interaction: Interaction, settings: Settings) -> SearchParams:
    """Parse the search of a request. Raises Failure 400 or 415, also for an invalid resource body."""
    content, is_form = source.content, source.is_form
    needs_body = interaction.code in _INTERACTIONS_WITH_BODY
    if (content or needs_body) and not _is_native_content(source, interaction):
        _require_readable_body(source, interaction, settings.server)
    try:
        texts = source.query.decode("ascii"), content.decode() if is_form else ""
    except UnicodeDecodeError:
        raise Failure(catalog.BAD_REQUEST) from None
    limits = settings.search.limits
    search = parse_limited_search(limits, *texts, resource=interaction.type)
    for criteria in source.criteria:
        parse_limited_search(limits, criteria, resource=interaction.type, place="If-None-Exist")
    require_valid_count(interaction, search, is_limited=source.is_mounted)
    return search


def without_byte_order_mark(request: Request, content: bytes) -> bytes:
    """Return a JSON body without the mark that RFC 8259 section 8.1 forbids and lets parsers ignore."""
    content_type = media_type(request.headers.get("content-type", ""))
    return content.removeprefix(BOM_UTF8) if content_type in RESOURCE_MEDIA_TYPES else content


def _is_native_content(source: SearchSource, interaction: Interaction) -> bool:
    """Whether a body is the content of a Binary in its own media type (R4 binary.html)."""
    is_write = interaction.type == "Binary" and interaction.code in {"create", "update"}
    return is_write and is_native_type(media_type(source.content_type))


def _require_readable_body(source: SearchSource, interaction: Interaction, server: Server) -> None:
    """Raise Failure 415 for a body of another media type or version of FHIR, 400 for other than JSON."""
    if not source.content:
        raise Failure(catalog.BODY_UNREADABLE, text=_EMPTY_TEXT)
    content_type = media_type(source.content_type)
    permitted = FORM_MEDIA_TYPES if source.is_form else RESOURCE_MEDIA_TYPES
    if content_type not in permitted:
        raise Failure(catalog.MEDIA_TYPE_UNSUPPORTED)
    if not has_supported_version(source.content_type, source.version):
        raise Failure(
            catalog.MEDIA_TYPE_UNSUPPORTED, text=_VERSION_UNSUPPORTED_TEXT.format(version=source.version)
        )
    if not source.is_form and (content_type != JSON_PATCH or interaction.code != "patch"):
        _require_simple_json(source.content, server)


def _require_simple_json(content: bytes, server: Server) -> None:
    """Reject a body that is no JSON object, or whose parsing would take long. Raises Failure 400."""
    if _has_many_values(content, server.max_json_values) or json_depth(content) > server.max_json_depth:
        raise Failure(catalog.BODY_TOO_COMPLEX)
    try:
        object_fields(content)
    except UnreadableError:
        raise Failure(catalog.BODY_UNREADABLE) from None


def _has_many_values(content: bytes, limit: int) -> bool:
    """Whether a body has too many commas, or brackets of one kind: these limit the time of `json_depth`."""
    return content.count(b",") >= limit or any(content.count(bracket) > limit for bracket in _BRACKETS)


def _raw_path(request: Request, max_uri: int) -> str:
    raw: str = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    if len(raw) + len(request.scope["query_string"]) > max_uri:
        raise Failure(catalog.URI_TOO_LONG)
    return raw


def _missing_credential(scheme: CredentialScheme) -> Failure:
    """Return a 401 with the challenge that RFC 9110 section 15.5.2 requires."""
    text = _BEARER_MISSING_TEXT if scheme.headers == BEARER.headers else ""
    return Failure(catalog.CREDENTIALS_MISSING, text=text, headers=(("www-authenticate", scheme.challenge),))


def _has_credential(request: Request, scheme: CredentialScheme) -> bool:
    return all(request.headers.get(name, "").strip() for name in scheme.headers)
