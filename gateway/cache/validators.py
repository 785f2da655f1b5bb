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
from gateway.fhir.bundle import Bundle
from gateway.fhir.interaction import SAFE_METHODS
from gateway.fhir.raw_json import object_fields, string_value

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

    The ETag is the gateway's: weak, beginning with `gw-`, and covering the content with the relations of the
    links but without their URLs, so that a page keeps its ETag under new links. Only a resource keeps the
    upstream's, which If-Match needs, in weak form. Raises UnreadableError.
    """
    if response.status != HTTPStatus.OK:
        return response.with_encoded_body()
    parsed = response.with_encoded_body().with_parsed_bundle()
    if parsed.bundle is not None:
        parsed = without_validators(parsed)
    elif parsed.header("etag") and not _is_gateway_etag(parsed):
        return with_weak_etag(parsed)
    fields = object_fields(parsed.body) if parsed.bundle is None else parsed.bundle.fields
    tagged = parsed.with_header("etag", f'W/{_GATEWAY_ETAG_PREFIX}{_content_digest(parsed, fields)}"')
    needs_date = parsed.bundle is None and not parsed.header("last-modified")
    updated = _last_updated(fields) if needs_date else None
    if updated is None:
        return tagged
    return tagged.with_header("last-modified", format_datetime(min(updated, now), usegmt=True))


def without_validators(response: FhirResponse) -> FhirResponse:
    """Return the response without validators, such as a page that was made of several responses."""
    if not (response.header("etag") or response.header("last-modified")):
        return response
    fields = (field for field in response.headers if field[0] not in {"etag", "last-modified"})
    return response.replace(headers=tuple(fields))


def with_weak_etag(response: FhirResponse) -> FhirResponse:
    """Return the response with a weak ETag: repairs and content codings change its bytes."""
    etag = response.header("etag")
    return response.with_header("etag", f"W/{etag}") if etag.startswith('"') else response


def not_modified(request: FhirRequest, response: FhirResponse) -> FhirResponse | None:
    """Return the 304 for a client that already has this response, else None.

    Only the gateway's ETag shows that: it is unknown whether a change at the practice changes the upstream's
    ETag or `lastUpdated`.
    """
    if request.method not in SAFE_METHODS or response.status != HTTPStatus.OK:
        return None
    tags = ",".join(value for name, value in request.headers if name == "if-none-match")
    if not (tags and _etag_matches(tags, response)):
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
    if etag is None:
        return False
    return etags.strip() == "*" or (_is_gateway_etag(response) and etag[1] in _ETAG.findall(etags))


def _is_gateway_etag(response: FhirResponse) -> bool:
    return response.header("etag").removeprefix("W/").startswith(_GATEWAY_ETAG_PREFIX)


def _content_digest(response: FhirResponse, fields: Mapping[str, Raw]) -> str:
    if response.bundle is None:
        return hashlib.sha256(response.body).hexdigest()[:32]
    stable = {name: raw for name, raw in fields.items() if name not in _VOLATILE_FIELDS}
    meta = {name: raw for name, raw in _meta_fields(fields).items() if name != "lastUpdated"}
    entries = [entry.fields for entry in response.bundle.entries]
    parts = [stable, meta, entries, _link_parts(response, response.bundle)]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def _link_parts(response: FhirResponse, bundle: Bundle) -> list[list[str]]:
    """Return the relations of the page links, and the parameters that the self link lacks."""
    relations = (
        response.paging.page_positions if response.paging else (link.relation for link in bundle.links)
    )
    return [sorted({*relations} - {"self"}), sorted(response.ignored_parameters)]


def _meta_fields(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    return object_fields(fields["meta"]) if "meta" in fields else {}


def _last_updated(fields: Mapping[str, Raw]) -> datetime | None:
    text = string_value(_meta_fields(fields).get("lastUpdated"))
    try:
        updated = datetime.fromisoformat(text).replace(microsecond=0)
        return updated.astimezone(UTC) if updated.tzinfo else None
    except (ValueError, OverflowError):
        return None
