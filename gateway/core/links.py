"""URLs on the upstream base, on ours, and nothing else.

Halo's documents show one FHIR base under several prefixes (`/integrator`, `/desktop`, `/api`, bare) and
say nothing of the host its links carry, so a link is known by its path tail: `/sites/{guid}/fhir/R4`.
"""

import re
from urllib.parse import urljoin, urlsplit

from gateway.core.exchange import FhirRequest

_TAIL = re.compile(r".*?/sites/(?P<guid>[0-9A-Fa-f-]{36})/fhir/R4(?P<rest>/.*)?", re.ASCII)


def on_public_base(request: FhirRequest, url: str) -> str:
    """The URL on the gateway's base if it is on the upstream's FHIR base of this site, else unchanged.

    Relative and query-only URLs resolve against the request, as RFC 3986 section 5 says.
    """
    absolute = urljoin(request.upstream_url, url) if url else url
    rest = _rest(request, absolute)
    return url if rest is None else request.public_base + rest


def _rest(request: FhirRequest, url: str) -> str | None:
    """What stands behind the FHIR base in a URL of this request's site, with its query."""
    for base in (request.public_base, request.upstream_base):
        if url.startswith((f"{base}/", f"{base}?")):
            return url[len(base) :]
    parts = urlsplit(url)
    found = _TAIL.fullmatch(parts.path)
    if found is None or request.site is None or found["guid"].lower() != request.site.guid:
        return None
    return (found["rest"] or "") + (f"?{parts.query}" if parts.query else "")
