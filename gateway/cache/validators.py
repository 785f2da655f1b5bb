"""Validators of a response and conditional requests (RFC 9110 sections 8.8 and 13)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import SAFE_METHODS
from gateway.fhir.raw_json import object_fields, string_value
from gateway.http.http_date import parse_http_date

#: Fields of a Bundle that change with each request, and `entry` and `meta`, which are digested separately.
_VOLATILE_FIELDS = frozenset({"entry", "id", "link", "meta", "timestamp"})
_CONDITIONAL_HEADERS = frozenset({"if-match", "if-none-match"})
#: An entity-tag (RFC 9110 section 8.8.3); weak comparison uses only the quoted part.
_ETAG = re.compile(r'(?:W/)?("[^"]*")')
#: Start of the ETags that the gateway generates.
_GATEWAY_ETAG_PREFIX = '"gw-'
#: Header fields of a 304: those of RFC 9110 section 15.4.5, and the cache's own.
_NOT_MODIFIED_HEADERS = frozenset(
    {"age", "cache-control", "cache-status", "content-location", "etag", "expires", "last-modified", "vary"}
)


def with_validators(response: FhirResponse, now: datetime) -> FhirResponse:
    """Return the encoded response with an ETag, and with Last-Modified if a resource has `lastUpdated`.

    The upstream's own validators stay. A generated ETag is weak, begins with `gw-` and covers the content
    without links, so that a page keeps its ETag under new links. Raises UnreadableError.
    """
    if response.status != HTTPStatus.OK or response.header("etag"):
        return response.with_encoded_body()
    parsed = response.with_encoded_body().with_parsed_bundle()
    fields = object_fields(parsed.body) if parsed.bundle is None else parsed.bundle.fields
    tagged = parsed.with_header("etag", f'W/{_GATEWAY_ETAG_PREFIX}{_content_digest(parsed, fields)}"')
    needs_date = parsed.bundle is None and not parsed.header("last-modified")
    updated = _last_updated(fields) if needs_date else None
    if updated is None:
        return tagged
    return tagged.with_header("last-modified", format_datetime(min(updated, now), usegmt=True))


def not_modified(request: FhirRequest, response: FhirResponse) -> FhirResponse | None:
    """Return the 304 for a client that already has this response, else None."""
    if request.method not in SAFE_METHODS or response.status != HTTPStatus.OK:
        return None
    tags = ",".join(value for name, value in request.headers if name == "if-none-match")
    if not (_etag_matches(tags, response) if tags else _is_unmodified(request, response)):
        return None
    headers = tuple(header for header in response.headers if header[0] in _NOT_MODIFIED_HEADERS)
    return FhirResponse(HTTPStatus.NOT_MODIFIED, headers)


def has_gateway_etag(request: FhirRequest) -> bool:
    """Whether a write depends on an ETag that the gateway generated, which the upstream cannot compare."""
    conditions = (value for name, value in request.headers if name in _CONDITIONAL_HEADERS)
    return any(tag.startswith(_GATEWAY_ETAG_PREFIX) for value in conditions for tag in _ETAG.findall(value))


def _etag_matches(etags: str, response: FhirResponse) -> bool:
    """Whether an If-None-Match field matches, by weak comparison (RFC 9110 section 13.1.2)."""
    etag = _ETAG.fullmatch(response.header("etag"))
    return etag is not None and (etag[1] in _ETAG.findall(etags) or etags.strip() == "*")


def _is_unmodified(request: FhirRequest, response: FhirResponse) -> bool:
    since = parse_http_date(request.header("if-modified-since"))
    last_modified = parse_http_date(response.header("last-modified"))
    return since is not None and last_modified is not None and last_modified <= since


def _content_digest(response: FhirResponse, fields: Mapping[str, Raw]) -> str:
    if response.bundle is None:
        return hashlib.sha256(response.body).hexdigest()[:32]
    stable = {name: raw for name, raw in fields.items() if name not in _VOLATILE_FIELDS}
    meta = {name: raw for name, raw in _meta_fields(fields).items() if name != "lastUpdated"}
    entries = [entry.fields for entry in response.bundle.entries]
    return hashlib.sha256(msgspec.json.encode([stable, meta, entries])).hexdigest()[:32]


def _meta_fields(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    return object_fields(fields["meta"]) if "meta" in fields else {}


def _last_updated(fields: Mapping[str, Raw]) -> datetime | None:
    text = string_value(_meta_fields(fields).get("lastUpdated"))
    try:
        updated = datetime.fromisoformat(text).replace(microsecond=0)
        return updated.astimezone(UTC) if updated.tzinfo else None
    except (ValueError, OverflowError):
        return None
