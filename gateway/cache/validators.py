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
from gateway.fhir.raw_json import opened, string

#: Of a Bundle: what changes from one asking to the next, and what is looked at apart.
_PASSING = frozenset({"entry", "id", "link", "meta", "timestamp"})
_READING = frozenset({"GET", "HEAD"})
_LONE = frozenset({"capabilities", "read", "vread"})
_CONDITIONS = frozenset({"if-match", "if-none-match"})
#: An entity-tag (RFC 9110 section 8.8.3), of which weak comparison looks at the quoted part only.
_TAG = re.compile(r'(?:W/)?("[^"]*")')
#: What the tags that the gateway makes begin with.
_OWN = '"gw-'
#: RFC 9110 section 15.4.5: what a 304 repeats, and what the gateway says of itself.
_REPEATED = frozenset(
    {"age", "cache-control", "cache-status", "content-location", "etag", "expires", "last-modified", "vary"}
)


def with_validators(response: FhirResponse, now: datetime) -> FhirResponse:
    """The answer as bytes with an ETag, and Last-Modified where a resource says when it changed.

    The upstream's own stay. A gateway-made ETag is weak and begins with `gw-`: it stands for the content
    without links, so that the same page found again under new links is the same. Raises UnreadableError.
    """
    if response.status != HTTPStatus.OK or response.header("etag"):
        return response.closed()
    answer = response.closed().opened()
    fields = opened(answer.body) if answer.bundle is None else answer.bundle.fields
    tagged = answer.with_header("etag", f'W/{_OWN}{_digest(answer, fields)}"')
    changed = _instant(fields) if answer.bundle is None and not answer.header("last-modified") else None
    if changed is None:
        return tagged
    return tagged.with_header("last-modified", format_datetime(min(changed, now), usegmt=True))


def not_modified(request: FhirRequest, response: FhirResponse) -> FhirResponse | None:
    """The 304 for a client that already has this answer, or None."""
    if request.method not in _READING or response.status != HTTPStatus.OK:
        return None
    tags = ",".join(value for name, value in request.headers if name == "if-none-match")
    if not (_matches(tags, response) if tags else _unchanged(request, response)):
        return None
    kept = tuple(each for each in response.headers if each[0] in _REPEATED)
    return FhirResponse(HTTPStatus.NOT_MODIFIED, kept)


def upstreams_tag(request: FhirRequest, headers: Headers) -> str:
    """The ETag by which the upstream itself may say that a kept resource is still the same; empty without.

    Not of a searchset, which the gateway made out of what came.
    """
    tag = next((value for name, value in headers if name == "etag"), "")
    found = _TAG.fullmatch(tag)
    return tag if found and request.interaction.code in _LONE and not found[1].startswith(_OWN) else ""


def names_no_version(request: FhirRequest) -> bool:
    """Whether a change depends on an ETag that the gateway made: the upstream has never heard of it."""
    given = (value for name, value in request.headers if name in _CONDITIONS)
    return any(tag.startswith(_OWN) for value in given for tag in _TAG.findall(value))


def _matches(tags: str, response: FhirResponse) -> bool:
    """Weak comparison, as If-None-Match wants it."""
    own = _TAG.fullmatch(response.header("etag"))
    return own is not None and (own[1] in _TAG.findall(tags) or tags.strip() == "*")


def _unchanged(request: FhirRequest, response: FhirResponse) -> bool:
    try:
        since, changed = (
            parsedate_to_datetime(text)
            for text in (request.header("if-modified-since"), response.header("last-modified"))
        )
    except (ValueError, TypeError):
        return False
    return changed <= since


def _digest(answer: FhirResponse, fields: Mapping[str, Raw]) -> str:
    if answer.bundle is None:
        return hashlib.sha256(answer.body).hexdigest()[:32]
    lasting = {name: raw for name, raw in fields.items() if name not in _PASSING}
    meta = {name: raw for name, raw in _meta(fields).items() if name != "lastUpdated"}
    entries = [each.fields for each in answer.bundle.entries]
    return hashlib.sha256(msgspec.json.encode([lasting, meta, entries])).hexdigest()[:32]


def _meta(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    return opened(fields["meta"]) if "meta" in fields else {}


def _instant(fields: Mapping[str, Raw]) -> datetime | None:
    text = string(_meta(fields).get("lastUpdated"))
    try:
        found = datetime.fromisoformat(text).replace(microsecond=0)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
