"""The one shape of a repair: a known issue and the facets of an exchange in which it is undone.

A facet is a pure function that gives back the very object it got when there is nothing to do, so that
`is not` tells whether the repair fired.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Raw

from gateway.exchange import FhirRequest, FhirResponse, Headers, Site
from gateway.fhir.bundle import Entry, Link

Links = tuple[Link, ...]
Fields = Mapping[str, Raw]


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """One published or observed issue of the upstream. `id` is the same word everywhere."""

    id: str
    title: str
    source: str
    fixed_in: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """One known issue and what undoes it.

    `request` works on the way in, and `answer` answers there what the upstream must not be asked; `links`,
    `entry` (each entry of a Bundle, or a lone resource), `fields` (a Bundle's own) and `headers` work on the
    way out.
    """

    issue: KnownIssue
    request: Callable[[FhirRequest], FhirRequest] | None = None
    local_response: Callable[[FhirRequest], FhirResponse | None] | None = None
    links: Callable[[FhirRequest, Links], Links] | None = None
    entry: Callable[[FhirRequest, Entry], Entry] | None = None
    fields: Callable[[FhirRequest, Fields], Fields] | None = None
    headers: Callable[[FhirRequest, Headers], Headers] | None = None

    def is_active(self, site: Site | None) -> bool:
        """Whether the repair is on for a site; never where no site is known."""
        return site is not None and self.issue.id not in site.disabled_repairs
