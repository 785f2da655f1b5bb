"""Context of one request to a site: the practice, the settings in force, the base URLs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.emulator.data.records import Record
from gateway.emulator.links import base_for_link_form
from gateway.emulator.practice import Practice
from gateway.emulator.rendering import select_elements
from gateway.emulator.resource_faults import RESOURCE_FAULTS
from gateway.emulator.search.engine import SearchEngine
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import Site


@dataclass(frozen=True)
class RequestContext:
    """A request to one site; `host` is its scheme and authority, `api` the first segment of its path."""

    site: Site
    practice: Practice
    settings: EmulatorSettings
    host: str
    api: str

    @cached_property
    def variants(self) -> Variants:
        """The variants in force at this site."""
        return self.settings.variants_at(self.site.guid)

    @property
    def size_limit(self) -> int:
        """Maximum size of a response body, in bytes."""
        return self.settings.site_override(self.site.guid).size_limit or self.site.size_limit

    def has_fault(self, fault: str) -> bool:
        """Whether a documented fault is on at this site."""
        return self.settings.is_fault_enabled(fault, self.site.guid)

    @property
    def client_base(self) -> str:
        """The FHIR base in the client's request."""
        return f"{self.host}/{self.api}/sites/{self.site.guid}/fhir/R4"

    @cached_property
    def link_base(self) -> str:
        """The FHIR base of links and full URLs."""
        if not self.has_fault("link-base-url"):
            return self.client_base
        form = self.variants.link_form
        return base_for_link_form(form, self.settings, self.host, self.api, self.site.guid)

    @cached_property
    def engine(self) -> SearchEngine:
        """The search engine of the practice under the settings in force."""
        return SearchEngine(
            self.practice,
            self.variants,
            self.settings.now or self.practice.clock(),
            exact_dates=self.has_fault("search-date-format"),
            hides_inactive=self.has_fault("inactive-records"),
        )

    def find_record(self, resource_type: str, resource_id: str) -> Record | None:
        """Return a row that the site returns, or None."""
        return self.practice.find_record(
            resource_type, resource_id, active_only=self.has_fault("inactive-records")
        )

    def render(
        self, record: Record, summary: str = "false", elements: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Render a row as this site returns it."""
        resource = record.resource
        for name, fault in RESOURCE_FAULTS.items():
            if self.has_fault(name):
                resource = fault.change(resource, self)
        return select_elements(resource, summary, elements)

    def full_url(self, resource: dict[str, Any]) -> str:
        """Return the `fullUrl` of an entry; relative if the link form is `query-only`."""
        local = f"{resource['resourceType']}/{resource['id']}"
        return f"{self.link_base}/{local}" if self.link_base else local
