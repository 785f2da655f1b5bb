"""Type of a repair: a known issue and the facets of request and response that undo it.

A facet is a pure function that returns its argument itself if there is nothing to repair, so that `is not`
shows whether the repair changed it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from msgspec import Raw

from gateway.exchange import FhirRequest, FhirResponse, Headers, Site
from gateway.fhir.bundle import Entry, Link
from gateway.repairs.witness import Witness

Links = tuple[Link, ...]
Fields = Mapping[str, Raw]
EntryChange = Callable[[Entry], Entry]


class EntryFacet:
    """Facet of an entry that depends on the request in a part that is decided once per response.

    `change_for` returns what is done to each entry of the response to a request.
    """

    def __init__(self, change_for: Callable[[FhirRequest], EntryChange]) -> None:
        self.change_for = change_for

    def __call__(self, request: FhirRequest, entry: Entry) -> Entry:
        """Return the changed entry; the same object if there is nothing to repair."""
        return self.change_for(request)(entry)


def entry_change(facet: Callable[[FhirRequest, Entry], Entry], request: FhirRequest) -> EntryChange:
    """Return what a facet does to each entry of the response to a request."""
    return facet.change_for(request) if isinstance(facet, EntryFacet) else partial(facet, request)


def unchanged_entry(entry: Entry) -> Entry:
    """Return the entry itself: the change of a facet for a response without anything to repair."""
    return entry


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """Published or observed issue of the upstream. `id` is the same in code, settings, metrics and docs.

    `vendor_status`: what the vendor says about a fix. `handling`: what the gateway does about it.
    """

    id: str
    title: str
    source: str
    vendor_status: str = ""
    handling: str = "repaired"


@dataclass(frozen=True, slots=True)
class Repair:
    """Known issue and the functions that undo it.

    `request` changes the request; `local_response` replaces the upstream request. `links`, `entry` (each
    entry of a Bundle, or a single resource), `fields` (a Bundle's own) and `headers` change the response.
    `witness` says whether an answer, as the upstream sent it, shows the issue. `keeps` says whether an entry
    of a searchset is a match, or concerns one; `judges`, whether the matches of a request must be there for
    it, and not come later. `after`: ids of the repairs that are applied earlier. `dialects`: those of the
    upstreams to which a plugin's repair is applied; Halo Connect's if it names none.
    """

    issue: KnownIssue
    request: Callable[[FhirRequest], FhirRequest] | None = None
    local_response: Callable[[FhirRequest], FhirResponse | None] | None = None
    links: Callable[[FhirRequest, Links], Links] | None = None
    entry: Callable[[FhirRequest, Entry], Entry] | None = None
    fields: Callable[[FhirRequest, Fields], Fields] | None = None
    headers: Callable[[FhirRequest, Headers], Headers] | None = None
    witness: Witness | None = None
    keeps: Callable[[FhirRequest, Entry], bool] | None = None
    judges: Callable[[FhirRequest], bool] | None = None
    after: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()

    @property
    def examines_answers(self) -> bool:
        """Whether it has a function; an issue of a pack may consist of error rules alone."""
        return any(getattr(self, name) is not None for name in _FUNCTIONS)

    def is_active(self, site: Site | None) -> bool:
        """Whether the repair is on for a site; never without a site."""
        return site is not None and self.issue.id not in site.disabled_repairs


_FUNCTIONS = ("request", "local_response", "links", "entry", "fields", "headers", "witness", "keeps")
