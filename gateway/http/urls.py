"""URLs on the upstream base, on ours, and nothing else.

Halo's documents show one FHIR base under several prefixes (`/integrator`, `/desktop`, `/api`, bare) and
say nothing of the host its links carry, so a URL is known by its path tail: `/sites/{guid}/fhir/R4`.
"""

import re
from urllib.parse import urljoin

from gateway.exchange import FhirRequest

_SITE_URL = re.compile(
    r"((?i:https?)://[^/?#]*)?(/[^/?#]+)*?/sites/(?P<guid>[0-9A-Fa-f-]{36})/fhir/R4(?P<rest>[/?#].*)?",
    re.ASCII,
)
_RELATIVE_URL = re.compile(r"[A-Z][A-Za-z]+([/?].*)?", re.ASCII)


def resolve_public_url(request: FhirRequest, url: str) -> str:
    """The URL on the gateway's base if it is on the upstream's FHIR base of this site, else unchanged.

    A relative URL that begins with a resource type stands on the base; others resolve against the request,
    as RFC 3986 section 5 says.
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
    """The URL on the gateway's base if it is absolute, or root-relative, and on the site's FHIR base."""
    rest = _path_below_base(request, url)
    return url if rest is None else request.public_base + rest


def to_relative_url(request: FhirRequest, url: str) -> str:
    """A URL below the gateway's base as the upstream's own: relative to its base; others unchanged."""
    base = f"{request.public_base}/"
    host = base.index("/", base.index("://") + 3)
    same = url[:host].lower() == base[:host].lower() and url.startswith(base[host:], host)
    return url[len(base) :] if same else url


def to_upstream_url(request: FhirRequest, url: str) -> str:
    """A URL below the gateway's base on the upstream's; others unchanged."""
    rest = to_relative_url(request, url)
    return url if rest is url else f"{request.upstream_base}/{rest}"


def _path_below_base(request: FhirRequest, url: str) -> str | None:
    """What stands behind the FHIR base in a URL of this request's site, with its query."""
    for begins, length in request.base_prefixes:
        if url.startswith(begins):
            return url[length:]
    found = _SITE_URL.fullmatch(url)
    if found is None or request.site is None or found["guid"].lower() != request.site.guid:
        return None
    return found["rest"] or ""
