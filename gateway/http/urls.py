"""URLs on the upstream's FHIR base, mapped to the gateway's base and back.

Halo's documents show one FHIR base under several prefixes (`/integrator`, `/desktop`, `/api`, none) and do
not state the host of its links. The gateway recognises a URL by the end of its base: `/sites/{guid}/fhir/R4`.
URLs of any other upstream are mapped by its base URL (`base_urls.py`).
"""

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urljoin, urlsplit

from gateway.exchange import FhirRequest, Headers
from gateway.fhir.search_params import Parameter, SearchParams, parse_search
from gateway.http.base_urls import Base, is_origin_url, map_from_mount, map_to_mount, parse_base, relative_to
from gateway.http.fhir_paths import is_fhir_path

_SITE_URL = re.compile(
    r"((?i:https?)://[^/?#]*)?(/[^/?#]+)*?/sites/(?P<guid>[0-9A-Fa-f-]{36})/fhir/R4(?P<rest>[/?#].*)?",
    re.ASCII | re.DOTALL,
)
_RELATIVE_URL = re.compile(r"[A-Z][A-Za-z]+([/?].*)?", re.ASCII)
_LINK_TARGET = re.compile(r"(?<=<)[^<>]*(?=>)")
_HEADERS_WITH_URLS = frozenset({"www-authenticate", "x-progress"})
_ABSOLUTE_URL = re.compile(r"\bhttps?:/[^\s\"'<>,;]+", re.IGNORECASE)
#: Search parameters that compare URLs as text: canonical, uri and token values are not addresses.
NOT_ADDRESSES = frozenset({"url", "system", "identifier", "_profile", "_source", "_security", "_tag"})
_ADDRESS = re.compile(r"\s*+(?:https?:)?/", re.IGNORECASE)
#: Path of most resources, in which nothing is to be removed or decoded.
_PLAIN_REST = re.compile(r"/[A-Z][A-Za-z]+/[A-Za-z0-9\-]{1,64}", re.ASCII)
#: Begin of a path of FHIR below the base, of which more is then asked.
_ROOTED_FHIR = re.compile(r"/+[A-Z$m%]")
_VALUE_SEPARATOR = re.compile(r"(?<!\\),")


def split_url(url: str) -> SplitResult:
    """Split a URL into its parts; a text that is no URL has only path and query."""
    try:
        return urlsplit(url)
    except ValueError:
        path, _, query = url.partition("#")[0].partition("?")
        return SplitResult("", "", path, query, "")


def resolve_public_url(request: FhirRequest, url: str) -> str:
    """Return a URL on the gateway's base if it is on the upstream's FHIR base of this site, else unchanged.

    A relative URL that begins with a resource type is relative to the base; any other is relative to the
    request's URL (RFC 3986 section 5).
    """
    new = to_public_url(request, url)
    if new is not url or "://" in url[:8] or not url:
        return new
    if _RELATIVE_URL.fullmatch(url):
        return f"{request.public_base}/{url}"
    try:
        return to_public_url(request, urljoin(_resolution_base(request), url))
    except ValueError:
        return url


def to_public_url(request: FhirRequest, url: str) -> str:
    """Map an absolute or root-relative URL on the upstream's FHIR base to the gateway's; others unchanged.

    Of a mounted upstream it may be anywhere on the origin of the base.
    """
    if request.is_mounted:
        return _to_mounted_url(request, url)
    rest = _path_below_base(request, url)
    return url if rest is None else request.public_base + rest


def to_public_headers(request: FhirRequest, headers: Headers) -> Headers:
    """Return headers with `Location`, `Content-Location` and `Link` (RFC 8288) on the gateway's base.

    Of a mounted upstream also the absolute URLs in its challenge and in what it says about a job's progress.
    """
    new = tuple((name, _to_public_header(request, name, value)) for name, value in headers)
    return headers if new == headers else new


def _to_public_header(request: FhirRequest, name: str, value: str) -> str:
    if name == "link":
        return _LINK_TARGET.sub(lambda match: resolve_public_url(request, match[0]), value)
    if name in _HEADERS_WITH_URLS and request.is_mounted:
        return _ABSOLUTE_URL.sub(lambda match: to_public_url(request, match[0]), value)
    return resolve_public_url(request, value) if name in {"location", "content-location"} else value


def to_relative_url(request: FhirRequest, url: str) -> str:
    """Make a URL below the gateway's base relative to that base; others unchanged."""
    if request.is_mounted:
        return relative_to(_bases(request)[1], url)
    base = f"{request.public_base}/"
    end = base.index("/", base.index("://") + 3)
    is_below_base = url[:end].lower() == base[:end].lower() and url.startswith(base[end:], end)
    return url[len(base) :] if is_below_base else url


def to_upstream_url(request: FhirRequest, url: str) -> str:
    """Map a URL below the gateway's base to the upstream's; others unchanged."""
    if request.is_mounted:
        return map_from_mount(*_bases(request), url)
    rest = to_relative_url(request, url)
    return url if rest is url else f"{request.upstream_base}/{rest}"


def map_addresses(search: SearchParams, change: Callable[[str], str]) -> SearchParams:
    """Return the search with each value, also in a comma list, that may be an address changed.

    An address begins with a slash, or with a scheme and a slash.
    """
    return search.map_parameters(lambda parameter: (_map_values(parameter, change),))


def _map_values(parameter: Parameter, change: Callable[[str], str]) -> Parameter:
    if parameter.code in NOT_ADDRESSES or "/" not in parameter.value:
        return parameter
    values = _VALUE_SEPARATOR.split(parameter.value)
    new = ",".join(change(value) if _ADDRESS.match(value) else value for value in values)
    return parameter if new == parameter.value else parameter.with_value(new)


def _to_mounted_url(request: FhirRequest, url: str) -> str:
    """Map a URL on a mounted upstream's origin, and addresses in its query if it is below the base."""
    new = _mapped_to_mount(request, url)
    head, mark, query = new.partition("?")
    has_query = mark and new is not url and not is_origin_url(_bases(request)[1], head)
    return head + mark + _to_mounted_query(request, query) if has_query else new


def _to_mounted_query(request: FhirRequest, text: str) -> str:
    query, mark, fragment = text.partition("#")
    if "/" not in query and "%" not in query:
        return text
    old = parse_search(query)
    new = map_addresses(old, lambda url: _to_mounted_value(request, url))
    return text if new is old else new.query + mark + fragment


def _to_mounted_value(request: FhirRequest, value: str) -> str:
    """Map a URL in a query; a value that begins with one slash is no URL unless its path is one of FHIR."""
    base, mount = _bases(request)
    text = value.lstrip()
    is_rooted = text[:1] == "/" != text[1:2]
    if is_rooted and not _ROOTED_FHIR.match(text.removeprefix(base.path)):
        return value
    new = _mapped_to_mount(request, value)
    return value if is_rooted and is_origin_url(mount, new) else new


def _mapped_to_mount(request: FhirRequest, url: str) -> str:
    base, mount = _bases(request)
    version = request.site.fhir_version if request.site else "4.0"
    start = len(request.upstream_base)
    is_plain = url.startswith(request.upstream_base) and _PLAIN_REST.fullmatch(url, start)
    if is_plain and base.host != mount.host and is_fhir_path(url[start:], version):
        return request.public_base + url[start:]
    return map_to_mount(base, mount, url, lambda path: is_fhir_path(path, version))


def _bases(request: FhirRequest) -> tuple[Base, Base]:
    return parse_base(request.upstream_base), parse_base(request.public_base)


def _resolution_base(request: FhirRequest) -> str:
    """URL at the upstream against which a relative URL is resolved."""
    own = f"{request.public_base}/{request.path}"
    is_outside = request.is_mounted and is_origin_url(_bases(request)[1], own)
    return to_upstream_url(request, own) if is_outside else request.upstream_url


def _path_below_base(request: FhirRequest, url: str) -> str | None:
    """Path and query after the FHIR base in a URL of this request's site; None for other URLs."""
    for prefix, length in request.base_prefixes:
        if url.startswith(prefix):
            return url[length:]
    match = _SITE_URL.fullmatch(url)
    if match is None or request.site is None or match["guid"].lower() != request.site.guid:
        return None
    return match["rest"] or ""
