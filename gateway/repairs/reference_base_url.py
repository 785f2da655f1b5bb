"""Resources hold absolute URLs on the upstream's base, where a client's key must not go directly.

Which fields hold a server's URL is in `fhir/server_urls.py` and docs/urls.md.
"""

import re
from functools import lru_cache

from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Headers
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.fhir.search_params import Parameter, Search, search
from gateway.fhir.server_urls import changed_urls
from gateway.http.urls import on_public_base, public_url, relative_url, upstream_url
from gateway.repairs.repair import KnownIssue, Repair

#: Search parameters that compare URLs as such: canonical, uri and token values are nobody's address.
_NOT_ADDRESSES = frozenset({"url", "system", "identifier", "_profile", "_source", "_security", "_tag"})
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_SEPARATED = re.compile(r"(?<!\\),")
_TARGET = re.compile(r"(?<=<)[^>]*(?=>)")
#: The parts of an entry that hold such URLs; `fullUrl` is the concern of `link-base-url`.
_PARTS = frozenset({"resource", "link", "request", "response"})
_JSON = frozenset({"create", "update", "transaction", "operation"})


def shown(request: FhirRequest, entry: Entry) -> Entry:
    """The entry with the upstream's URLs on the gateway's base."""
    if request.site is None:
        return entry
    needles = _needles(request.site.guid)
    for name, raw in entry.fields.items():
        if name not in _PARTS:
            continue
        new = changed_urls(raw, needles, lambda url, _: public_url(request, url), name)
        entry = entry if new is raw else entry.with_field(name, new)
    return entry


@lru_cache(maxsize=1024)
def _needles(guid: str) -> tuple[bytes, ...]:
    return tuple({guid.encode(), guid.upper().encode()})


def shown_headers(request: FhirRequest, headers: Headers) -> Headers:
    """`Location`, `Content-Location` and the targets of `Link` (RFC 8288) on the gateway's base."""
    new = tuple((name, _shown_header(request, name, value)) for name, value in headers)
    return headers if new == headers else new


def sent(request: FhirRequest) -> FhirRequest:
    """The request with the gateway's URLs as the upstream knows them: the inverse. Raises Failure 400."""
    headers = tuple((name, _sent_header(request, name, value)) for name, value in request.headers)
    searched, body = _sent_search(request, request.search), _sent_body(request)
    if searched is request.search and body is request.body and headers == request.headers:
        return request
    return request.changed(search=searched, body=body, headers=headers)


def _shown_header(request: FhirRequest, name: str, value: str) -> str:
    if name == "link":
        return _TARGET.sub(lambda found: on_public_base(request, found[0]), value)
    return on_public_base(request, value) if name in {"location", "content-location"} else value


def _sent_header(request: FhirRequest, name: str, value: str) -> str:
    if name != "if-none-exist":
        return value
    old = search(value.removeprefix("?"))
    new = _sent_search(request, old)
    return value if new is old else new.query


def _sent_search(request: FhirRequest, old: Search) -> Search:
    return old.mapped(lambda each: (_sent_parameter(request, each),))


def _sent_parameter(request: FhirRequest, each: Parameter) -> Parameter:
    if each.code in _NOT_ADDRESSES or "://" not in each.value:
        return each
    new = ",".join(_local(request, value) for value in _SEPARATED.split(each.value))
    return each if new == each.value else each.replaced(new)


def _local(request: FhirRequest, value: str) -> str:
    """A value that is the address of a resource here, relative; any other as it is."""
    rest = relative_url(request, value)
    found = _LOCAL.fullmatch(rest)
    return rest if found and found[1] in RESOURCE_TYPES else value


def _sent_body(request: FhirRequest) -> bytes:
    if request.interaction.code not in _JSON or not request.body.lstrip().startswith(b"{"):
        return request.body
    host = request.public_base.partition("://")[2].partition("/")[0]
    try:
        old = Raw(request.body)
        new = changed_urls(old, (host.encode(),), lambda url, refers: _sent_url(request, url, refers=refers))
    except UnreadableError:
        raise Failure(catalog.BODY_UNREADABLE) from None
    return request.body if new is old else bytes(new)


def _sent_url(request: FhirRequest, url: str, *, refers: bool) -> str:
    """References become relative; an Attachment's URL and a `fullUrl` must stay absolute."""
    return _local(request, url) if refers else upstream_url(request, url)


REPAIR = Repair(
    KnownIssue(
        "reference-base-url",
        "References, attachments and headers may name the upstream's own base",
        "FHIR R4 references.html and http.html; what Halo puts there is undocumented",
    ),
    request=sent,
    entry=shown,
    headers=shown_headers,
)
