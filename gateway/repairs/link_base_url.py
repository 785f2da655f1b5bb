"""Repair of Bundle links and `fullUrl` on the upstream's host, to which clients must not send their key."""

from collections.abc import Iterator
from functools import lru_cache

from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import string_json
from gateway.http.urls import resolve_public_url
from gateway.repairs.repair import EntryChange, EntryFacet, KnownIssue, Links, Repair
from gateway.repairs.witness import UpstreamAnswer
from gateway.sites.issue_states import Verdict

_NO_URL = Raw()


def rebase_links(request: FhirRequest, links: Links) -> Links:
    """Return the links on the gateway's base; links to other servers stay."""
    new = tuple(link.with_url(resolve_public_url(request, link.url)) for link in links)
    return links if new == links else new


def _full_url_change(request: FhirRequest) -> EntryChange:
    """Return a change to an absolute `fullUrl` on the gateway's base; other URLs and `urn:` stay.

    The JSON of a URL below the upstream's base is not decoded.
    """
    prefixes = None if request.is_mounted else _prefixes(request.upstream_base, request.public_base)
    upstream, public = prefixes or (b"", b"")
    length = len(upstream)

    def rebase(entry: Entry) -> Entry:
        fields = entry.fields
        url = bytes(fields.get("fullUrl", _NO_URL))
        if length and url.startswith(upstream) and b"\\" not in url:
            return Entry({**fields, "fullUrl": Raw(public + url[length:])})
        old = entry.full_url
        new = resolve_public_url(request, old)
        return entry if new == old else entry.with_field("fullUrl", string_json(new))

    return rebase


rebase_full_url = EntryFacet(_full_url_change)


@lru_cache(maxsize=1024)
def _prefixes(upstream_base: str, public_base: str) -> tuple[bytes, bytes] | None:
    """Begin of the JSON of a URL below the upstream's base, and below the public base; None if below both."""
    upstream, public = f"{upstream_base}/", f"{public_base}/"
    if upstream.startswith((public, f"{public_base}?")):
        return None
    return bytes(string_json(upstream))[:-1], bytes(string_json(public))[:-1]


def witness_links(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield right for each link and `fullUrl` on the base that was asked, broken for another name of it."""
    if answer.bundle is None:
        return
    prefixes = f"{request.upstream_base}/", f"{request.upstream_base}?"
    full_urls = [entry.full_url for entry in answer.samples]
    for url in (*(link.url for link in answer.bundle.links), *full_urls):
        if url.startswith(prefixes):
            yield "", "right"
        elif resolve_public_url(request, url) != url:
            yield "", "broken"


REPAIR = Repair(
    KnownIssue(
        "link-base-url",
        "Bundle links and fullUrl are not on the base that the client uses",
        "FHIR R4 http.html#paging; the host and prefix of Halo's links are undocumented",
    ),
    links=rebase_links,
    entry=rebase_full_url,
    witness=witness_links,
)
