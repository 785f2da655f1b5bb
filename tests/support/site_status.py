"""A Halo Connect with trouble at some practices, and what an operator can see of it."""

import asyncio
from typing import Any

from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.admin.requests import SiteNames
from gateway.admin.site_status import SiteStatusReader
from gateway.admin.sites import SiteEndpoints
from gateway.builders import RequestPolicies
from gateway.chain import with_resilience
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.http.callers import ledger_label
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED
from gateway.upstreams.halo_failures import IP_BLOCKED, OFFLINE, QUOTA_EXHAUSTED, RESULT_TOO_LARGE

#: A practice of the configuration without an alias, and one that is not in it.
QUIET = "0a1b2c3d-0000-4000-8000-00000000000b"
STRANGE = "ffffffff-0000-4000-8000-00000000000c"
KEY = ("ocp-apim-subscription-key", "synthetic-key")
SETTINGS: dict[str, Any] = {
    "upstream": {"url": "https://halo.example"},
    "sites": {
        "default": {"time_zone": "Australia/Sydney"},
        GUID: {"name": "harbour"},
        QUIET: {},
    },
    "circuit_breaker": {"initial_open_seconds": 600, "max_open_seconds": 6000},
    "retry": {
        "initial_backoff_seconds": 0.001,
        "max_backoff_seconds": 0.001,
        "max_wait_seconds": 1,
        "budget_min_per_hour": 3,
    },
    "pauses": {"rules": [{"id": "holiday", "message_pattern": "closed", "scope": "site", "seconds": 60}]},
    "ledger": {"callers": {ledger_label((KEY,)): {"name": "diary"}}},
}


class Watched:
    """A resilience whose upstream fails as told, and refuses more than so many matches a page."""

    def __init__(self, **sections: Any) -> None:
        self.settings = Settings.model_validate(SETTINGS | sections)
        self.failing: Failure | None = None
        self.fits = 1_000
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.store = MemoryStore()
        policies = RequestPolicies(self.settings, b"secret", lambda _: "26.619")
        self._handler, self.handlers = with_resilience(
            self.store, self.settings.upstream, lambda _: self._upstream, policies
        )
        sites = ConfiguredSites(self.settings)
        self.states = SiteStatusReader([self.handlers], {GUID, QUIET}, sites)

    @property
    def desk(self) -> SiteEndpoints:
        return SiteEndpoints(self.states, SiteNames({GUID: "harbour"}), lambda: NOW)

    async def ask(self, path: str = "Patient/1", query: str = "", guid: str = GUID, key: str = "") -> str:
        """The status or code of one exchange."""
        site = Site(guid, SITE.zone, self.states.site_name(guid))
        headers = ((KEY[0], key or KEY[1]),)
        try:
            return str((await self._handler(fhir_request(path, query, site=site, headers=headers))).status)
        except Failure as failure:
            return failure.kind.code

    async def trouble(self, kind: FailureKind, text: str = "", *, guid: str = GUID, **facts: Any) -> None:
        """One failure of this kind at a practice, and the upstream well again."""
        received = json_response({"message": text}, kind.status)
        self.failing = Failure(kind, upstream_response=received, **facts)
        await self.ask(guid=guid)
        self.failing = None

    async def _upstream(self, request: FhirRequest) -> FhirResponse:
        self.asked += 1
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        if any(int(each) > self.fits for each in request.upstream_search.values("_count")):
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Patient", "id": "1"})


__all__ = [
    "IP_BLOCKED",
    "KEY",
    "OFFLINE",
    "QUIET",
    "QUOTA_EXHAUSTED",
    "RATE_LIMITED",
    "RESULT_TOO_LARGE",
    "STRANGE",
    "Watched",
]
