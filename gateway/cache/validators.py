"""Validators of an answer, and whether a client already has it (RFC 9110 sections 8.8 and 13)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.fhir.raw_json import object_fields, string_value

#: Of a Bundle: what changes from one asking to the next, and what is looked at apart.
_VOLATILE_FIELDS = frozenset({"entry", "id", "link", "meta", "timestamp"})
_READ_METHODS = frozenset({"GET", "HEAD"})
_SINGLE_RESOURCE_INTERACTIONS = frozenset({"capabilities", "read", "vread"})
_CONDITIONAL_HEADERS = frozenset({"if-match", "if-none-match"})
#: An entity-tag (RFC 9110 section 8.8.3), of which weak comparison looks at the quoted part only.
_ETAG = re.compile(r'(?:W/)?("[^"]*")')
#: What the tags that the gateway makes begin with.
_GATEWAY_ETAG_PREFIX = '"gw-'
#: RFC 9110 section 15.4.5: what a 304 repeats, and what the gateway says of itself.
_NOT_MODIFIED_HEADERS = frozenset(
    {"age", "cache-control", "cache-status", "content-location", "etag", "expires", "last-modified", "vary"}
)


def with_validators(response: FhirResponse, now: datetime) -> FhirResponse:
    """The answer as bytes with an ETag, and Last-Modified where a resource says when it changed.

    The upstream's own stay. A gateway-made ETag is weak and begins with `gw-`: it stands for the content
    without links, so that the same page found again under new links is the same. Raises UnreadableError.
    """
    if response.status != HTTPStatus.OK or response.header("etag"):
        return response.with_encoded_body()
    answer = response.with_encoded_body().with_parsed_bundle()
    fields = object_fields(answer.body) if answer.bundle is None else answer.bundle.fields
    tagged = answer.with_header("etag", f'W/{_GATEWAY_ETAG_PREFIX}{_content_digest(answer, fields)}"')
    changed = _last_updated(fields) if answer.bundle is None and not answer.header("last-modified") else None
    if changed is None:
        return tagged
    return tagged.with_header("last-modified", format_datetime(min(changed, now), usegmt=True))


def not_modified(request: FhirRequest, response: FhirResponse) -> FhirResponse | None:
    """The 304 for a client that already has this answer, or None."""
    if request.method not in _READ_METHODS or response.status != HTTPStatus.OK:
        return None
    tags = ",".join(value for name, value in request.headers if name == "if-none-match")
    if not (_etag_matches(tags, response) if tags else _is_unmodified(request, response)):
        return None
    kept = tuple(each for each in response.headers if each[0] in _NOT_MODIFIED_HEADERS)
    return FhirResponse(HTTPStatus.NOT_MODIFIED, kept)


def upstream_etag(request: FhirRequest, headers: Headers) -> str:
    """The ETag by which the upstream itself may say that a kept resource is still the same; empty without.

    Not of a searchset, which the gateway made out of what came.
    """
    tag = next((value for name, value in headers if name == "etag"), "")
    found = _ETAG.fullmatch(tag)
    return (
        tag
        if found
        and request.interaction.code in _SINGLE_RESOURCE_INTERACTIONS
        and not found[1].startswith(_GATEWAY_ETAG_PREFIX)
        else ""
    )


def has_gateway_etag(request: FhirRequest) -> bool:
    """Whether a change depends on an ETag that the gateway made: the upstream has never heard of it."""
    given = (value for name, value in request.headers if name in _CONDITIONAL_HEADERS)
    return any(tag.startswith(_GATEWAY_ETAG_PREFIX) for value in given for tag in _ETAG.findall(value))


def _etag_matches(etags: str, response: FhirResponse) -> bool:
    """Weak comparison, as If-None-Match wants it."""
    own = _ETAG.fullmatch(response.header("etag"))
    return own is not None and (own[1] in _ETAG.findall(etags) or etags.strip() == "*")


def _is_unmodified(request: FhirRequest, response: FhirResponse) -> bool:
    try:
        since, changed = (
            parsedate_to_datetime(text)
            for text in (request.header("if-modified-since"), response.header("last-modified"))
        )
    except (ValueError, TypeError):
        return False
    return changed <= since


def _content_digest(response: FhirResponse, fields: Mapping[str, Raw]) -> str:
    if response.bundle is None:
        return hashlib.sha256(response.body).hexdigest()[:32]
    lasting = {name: raw for name, raw in fields.items() if name not in _VOLATILE_FIELDS}
    meta = {name: raw for name, raw in _meta_fields(fields).items() if name != "lastUpdated"}
    entries = [each.fields for each in response.bundle.entries]
    return hashlib.sha256(msgspec.json.encode([lasting, meta, entries])).hexdigest()[:32]


def _meta_fields(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    return object_fields(fields["meta"]) if "meta" in fields else {}


def _last_updated(fields: Mapping[str, Raw]) -> datetime | None:
    text = string_value(_meta_fields(fields).get("lastUpdated"))
    try:
        found = datetime.fromisoformat(text).replace(microsecond=0)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
