"""URLs in the JSON and the searches of a mounted upstream: to the gateway's base and back.

`fhir/server_urls.py` and docs/urls.md list the fields that contain a server's URL.
"""

import re

from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.raw_json import array_items, encode, object_fields, string_json, string_value
from gateway.fhir.resource_types import RESOURCE_TYPES_BY_VERSION
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.fhir.server_urls import MOUNTED_FIELDS, is_server_url_field, rewrite_server_urls, url_needles
from gateway.http.base_urls import MAX_URL_LENGTH, is_origin_url, parse_base
from gateway.http.urls import map_addresses, to_public_url, to_relative_url, to_upstream_url

_RELATIVE_REFERENCE = re.compile(
    r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII
)
#: A URL of any scheme, or `//host`.
_OTHER_SERVER = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|//")
_NO_INDEX = re.compile(r"(?!\d+\Z|-\Z)")
#: Interactions whose bodies are resources or JSON Patch.
_WITH_RESOURCE = frozenset({"create", "update", "patch", "transaction", "operation"})


def relative_reference(request: FhirRequest, url: str) -> str:
    """Return the address of a resource below the gateway's base as a relative one; others unchanged."""
    rest = to_relative_url(request, url)
    match = _RELATIVE_REFERENCE.fullmatch(rest)
    types = RESOURCE_TYPES_BY_VERSION[request.site.fhir_version if request.site else "4.0"]
    return rest if match and match[1] in types else url


def to_public_json(request: FhirRequest, value: Raw, name: str) -> Raw:
    """Return the value of a field with its URLs on the gateway's base. Raises UnreadableError."""
    host = parse_base(request.upstream_base).host[0]

    def change(url: str, field: str) -> str:
        is_path = field == "url" and name == "request" and url.startswith("/")
        new = to_public_url(request, url)
        return url if is_path and is_origin_url(parse_base(request.public_base), new) else new

    return rewrite_server_urls(value, url_needles(bytes(value), host), change, name, MOUNTED_FIELDS)


def to_upstream_criteria(request: FhirRequest, search: SearchParams) -> SearchParams:
    """Return the search with addresses relative to the base, or on the upstream.

    The query of a URL beside the base is the upstream's own.
    """
    if is_origin_url(parse_base(request.public_base), f"{request.public_base}/{request.path}"):
        return search
    return map_addresses(search, lambda url: _to_upstream_reference(request, url))


def to_upstream_json(request: FhirRequest) -> bytes:
    """Return the request's body with its URLs relative or on the upstream. Raises UnreadableError."""
    old = request.body
    is_json = "json" in (request.header("content-type") or "json")
    if request.interaction.code not in _WITH_RESOURCE or not is_json:
        return old
    host = parse_base(request.public_base).host[0]
    is_patch = request.interaction.code == "patch" and old.lstrip()[:1] == b"["
    if not (is_patch or old.lstrip()[:1] == b"{") or not any(map(old.__contains__, url_needles(old, host))):
        return old
    new = _to_upstream_patch(request, Raw(old)) if is_patch else _to_upstream_value(request, Raw(old), "")
    return bytes(new)


def _to_upstream_value(request: FhirRequest, value: Raw, name: str) -> Raw:
    needles = url_needles(bytes(value), parse_base(request.public_base).host[0])
    return rewrite_server_urls(
        value, needles, lambda url, field: _to_upstream_text(request, url, field), name, MOUNTED_FIELDS
    )


def _to_upstream_text(request: FhirRequest, text: str, field: str) -> str:
    if len(text) > MAX_URL_LENGTH:
        return text
    if field == "ifNoneExist":
        mark = "?" if text.startswith("?") else ""
        return mark + _to_upstream_query(request, text.removeprefix("?"))
    head, mark, rest = text.partition("?")
    if not mark or is_origin_url(parse_base(request.public_base), head):
        return (
            _to_upstream_reference(request, text) if field == "reference" else to_upstream_url(request, text)
        )
    new = to_upstream_url(request, head)
    if new == head and _OTHER_SERVER.match(head):
        return text
    query, hash_, fragment = rest.partition("#")
    return new + mark + _to_upstream_query(request, query) + hash_ + fragment


def _to_upstream_reference(request: FhirRequest, url: str) -> str:
    new = relative_reference(request, url)
    return to_upstream_url(request, url) if new is url else new


def _to_upstream_query(request: FhirRequest, query: str) -> str:
    old = parse_search(query)
    new = map_addresses(old, lambda url: _to_upstream_reference(request, url))
    return query if new is old else new.query


def _to_upstream_patch(request: FhirRequest, body: Raw) -> Raw:
    """Return a JSON Patch (RFC 6902) with the URLs of its values mapped."""
    old = array_items(body)
    new = [_to_upstream_operation(request, operation) for operation in old]
    return encode(new) if any(a is not b for a, b in zip(new, old, strict=True)) else body


def _to_upstream_operation(request: FhirRequest, operation: Raw) -> Raw:
    fields = object_fields(operation)
    parts = string_value(fields.get("path")).split("/")
    names = ("", "", *(part for part in parts[-4:] if _NO_INDEX.match(part)))
    old = fields.get("value", Raw(b"null"))
    text = string_value(old)
    if not text:
        new = _to_upstream_value(request, old, names[-1])
    elif is_server_url_field(names[-2], names[-1], MOUNTED_FIELDS):
        changed = _to_upstream_text(request, text, names[-1])
        new = old if changed == text else string_json(changed)
    else:
        new = old
    return operation if new is old else encode({**fields, "value": new})
