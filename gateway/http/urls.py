"""URLs on the upstream's FHIR base, mapped to the gateway's base and back.

Halo's documents show one FHIR base under several prefixes (`/integrator`, `/desktop`, `/api`, none) and do
not state the host of its links. The gateway recognises a URL by the end of its base: `/sites/{guid}/fhir/R4`.
"""

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from gateway.exchange import FhirRequest

_SITE_URL = re.compile(
    r"((?i:https?)://[^/?#]*)?(/[^/?#]+)*?/sites/(?P<guid>[0-9A-Fa-f-]{36})/fhir/R4(?P<rest>[/?#].*)?",
    re.ASCII | re.DOTALL,
)
_RELATIVE_URL = re.compile(r"[A-Z][A-Za-z]+([/?].*)?", re.ASCII)


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
    if "://" in url[:8] or not url:
        return to_public_url(request, url)
    if _RELATIVE_URL.fullmatch(url):
        return f"{request.public_base}/{url}"
    try:
        return to_public_url(request, urljoin(request.upstream_url, url))
    except ValueError:
        return url


def to_public_url(request: FhirRequest, url: str) -> str:
    """Map an absolute or root-relative URL on the site's FHIR base to the gateway's; others unchanged."""
    rest = _path_below_base(request, url)
    return url if rest is None else request.public_base + rest


def to_relative_url(request: FhirRequest, url: str) -> str:
    """Make a URL below the gateway's base relative to that base; others unchanged."""
    base = f"{request.public_base}/"
    end = base.index("/", base.index("://") + 3)
    is_below_base = url[:end].lower() == base[:end].lower() and url.startswith(base[end:], end)
    return url[len(base) :] if is_below_base else url


def to_upstream_url(request: FhirRequest, url: str) -> str:
    """Map a URL below the gateway's base to the upstream's; others unchanged."""
    rest = to_relative_url(request, url)
    return url if rest is url else f"{request.upstream_base}/{rest}"


def _path_below_base(request: FhirRequest, url: str) -> str | None:
    """Path and query after the FHIR base in a URL of this request's site; None for other URLs."""
    for prefix, length in request.base_prefixes:
        if url.startswith(prefix):
            return url[length:]
    match = _SITE_URL.fullmatch(url)
    if match is None or request.site is None or match["guid"].lower() != request.site.guid:
        return None
    return match["rest"] or ""
