"""Repair of absolute URLs on the upstream's base in resources, to which clients must not send their key.

`fhir/server_urls.py` and docs/urls.md list the fields that contain a server's URL.
"""

import re
from collections.abc import Iterator

from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.fhir.server_urls import rewrite_server_urls
from gateway.http.mounted_urls import (
    relative_reference,
    to_public_json,
    to_upstream_criteria,
    to_upstream_json,
)
from gateway.http.urls import map_addresses, to_public_headers, to_public_url, to_upstream_url
from gateway.repairs.repair import EntryChange, EntryFacet, KnownIssue, Repair, unchanged_entry
from gateway.repairs.witness import UpstreamAnswer, typed_fields
from gateway.sites.issue_states import Verdict

_RELATIVE_REFERENCE_JSON = re.compile(rb'"reference"\s*:\s*"[A-Z][A-Za-z]+/')
#: Parts of an entry that contain such URLs; `link-base-url` repairs `fullUrl`.
_ENTRY_PARTS = frozenset({"resource", "link", "request", "response"})
#: End of every URL on the site's base, with both spellings of a slash in JSON.
_BASE_NEEDLES = (b"/fhir/R4", rb"\/fhir\/R4")
_BASE_NEEDLE = b"/fhir"
_JSON_INTERACTIONS = frozenset({"create", "update", "transaction", "operation"})


def _url_change(request: FhirRequest) -> EntryChange:
    """Return a change of the upstream's URLs in an entry to those on the gateway's base."""
    if request.site is None:
        return unchanged_entry
    is_mount = request.site.is_mount

    def to_public(entry: Entry) -> Entry:
        for name, raw in entry.fields.items():
            # Most values have no such URL. A search from the end is several times as fast as `in`.
            if name in _ENTRY_PARTS and (is_mount or bytes(raw).rfind(_BASE_NEEDLE) >= 0):
                new = _to_public_value(request, raw, name)
                entry = entry if new is raw else entry.with_field(name, new)
        return entry

    return to_public


to_public_entry = EntryFacet(_url_change)


def _to_public_value(request: FhirRequest, raw: Raw, name: str) -> Raw:
    if request.is_mounted:
        return to_public_json(request, raw, name)
    return rewrite_server_urls(raw, _BASE_NEEDLES, lambda url, _: to_public_url(request, url), name)


def to_upstream_request(request: FhirRequest) -> FhirRequest:
    """Return the request with the gateway's URLs relative or on the upstream's base. Raises Failure 400."""
    headers = tuple((name, _to_upstream_header(request, name, value)) for name, value in request.headers)
    search, body = _to_upstream_search(request, request.upstream_search), _to_upstream_body(request)
    if search is request.upstream_search and body is request.body and headers == request.headers:
        return request
    return request.replace(upstream_search=search, body=body, headers=headers)


def _to_upstream_header(request: FhirRequest, name: str, value: str) -> str:
    if name != "if-none-exist":
        return value
    old = parse_search(value.removeprefix("?"))
    new = _to_upstream_search(request, old)
    return value if new is old else new.query


def _to_upstream_search(request: FhirRequest, old: SearchParams) -> SearchParams:
    if request.is_mounted:
        return to_upstream_criteria(request, old)
    return map_addresses(old, lambda url: relative_reference(request, url))


def _to_upstream_body(request: FhirRequest) -> bytes:
    try:
        return to_upstream_json(request) if request.is_mounted else _to_upstream_resource(request)
    except UnreadableError:
        raise Failure(catalog.BODY_UNREADABLE) from None


def _to_upstream_resource(request: FhirRequest) -> bytes:
    if request.interaction.code not in _JSON_INTERACTIONS or not request.body.lstrip().startswith(b"{"):
        return request.body
    host = request.public_base.partition("://")[2].partition("/")[0]
    old = Raw(request.body)
    new = rewrite_server_urls(old, (host.encode(),), lambda url, field: _to_upstream_url(request, url, field))
    return request.body if new is old else bytes(new)


def _to_upstream_url(request: FhirRequest, url: str, field: str) -> str:
    """Return a reference as a relative URL; an Attachment's URL and a `fullUrl` must stay absolute."""
    return relative_reference(request, url) if field == "reference" else to_upstream_url(request, url)


def witness_references(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield by type broken for a resource with a URL of the site's base, right for relative references."""
    for resource in (entry.resource for entry in answer.samples):
        if resource is None or request.site is None or request.interaction.code == "capabilities":
            continue  # a CapabilityStatement names its own base
        body = bytes(resource)
        if b"/sites/%b/fhir/r4" % request.site.guid.encode() in body.lower():
            yield typed_fields(resource)[0], "broken"
        elif _RELATIVE_REFERENCE_JSON.search(body):
            yield typed_fields(resource)[0], "right"


REPAIR = Repair(
    KnownIssue(
        "reference-base-url",
        "References, attachments and headers may name the upstream's own base",
        "FHIR R4 references.html and http.html; the base that Halo uses is undocumented",
    ),
    request=to_upstream_request,
    entry=to_public_entry,
    headers=to_public_headers,
    witness=witness_references,
)
