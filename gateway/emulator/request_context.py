"""One request as the site behind it sees it: the practice, the switches in force, the base URLs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.emulator.data.records import Record
from gateway.emulator.links import upstream_base
from gateway.emulator.practice import Practice
from gateway.emulator.rendering import trimmed, with_absolute_urls, with_last_updated
from gateway.emulator.search.engine import Engine
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import Site


@dataclass(frozen=True)
class Visit:
    """A request on one site; `host` is scheme and authority as the client used them, `surface` the prefix."""

    site: Site
    practice: Practice
    settings: EmulatorSettings
    host: str
    surface: str

    @cached_property
    def variants(self) -> Variants:
        """The variants in force at this site."""
        return self.settings.variants_at(self.site.guid)

    @property
    def size_limit(self) -> int:
        """The most bytes an answer may have."""
        return self.settings.override(self.site.guid).size_limit or self.site.size_limit

    def broken(self, fault: str) -> bool:
        """Whether a documented fault is on here."""
        return self.settings.fault(fault, self.site.guid)

    @property
    def client_base(self) -> str:
        """The FHIR base the client itself used."""
        return f"{self.host}/{self.surface}/sites/{self.site.guid}/fhir/R4"

    @cached_property
    def base(self) -> str:
        """The FHIR base that links and full URLs name."""
        if not self.broken("link-base-url"):
            return self.client_base
        form = self.variants.link_form
        return upstream_base(form, self.settings, self.host, self.surface, self.site.guid)

    @cached_property
    def engine(self) -> Engine:
        """The search engine of the practice under the switches in force."""
        return Engine(
            self.practice,
            self.variants,
            self.settings.now or self.practice.clock(),
            exact_dates=self.broken("search-date-format"),
            hides_inactive=self.broken("inactive-records"),
        )

    def row(self, resource_type: str, identity: str) -> Record | None:
        """One shown row."""
        return self.practice.row(resource_type, identity, active_only=self.broken("inactive-records"))

    def shown(self, record: Record, summary: str = "false", elements: tuple[str, ...] = ()) -> dict[str, Any]:
        """A row as this site shows it."""
        resource = record.resource
        if self.broken("reference-base-url"):
            resource = with_absolute_urls(resource, self.base or self.client_base)
        if self.broken("last-updated-offset"):
            style = self.variants.last_updated.get(resource["resourceType"], "ok")
            resource = with_last_updated(resource, style, self.site.zone)
        return trimmed(resource, summary, elements)

    def full_url(self, resource: dict[str, Any]) -> str:
        """The `fullUrl` of an entry; relative when links are."""
        local = f"{resource['resourceType']}/{resource['id']}"
        return f"{self.base}/{local}" if self.base else local
