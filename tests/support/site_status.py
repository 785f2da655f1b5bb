"""Halo Connect with failing practices, and the status that an operator sees."""

import asyncio
from typing import Any

from support.ledger import RecordingSink, ledger_names
from support.requests import GUID, NOW, SITE, fhir_request, json_response

from gateway.admin.requests import SiteNames
from gateway.admin.site_status import SiteStatusReader
from gateway.admin.sites import SiteEndpoints
from gateway.builders import RequestPolicies
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.http.callers import ledger_label
from gateway.http.proved_callers import ProvedCallers, caller_of
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.resilience_handlers import with_resilience
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites
from gateway.sites.issue_states import IssueStates
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED
from gateway.upstreams.halo_failures import IP_BLOCKED, OFFLINE, QUOTA_EXHAUSTED, RESULT_TOO_LARGE

#: A configured practice without an alias, and a practice that is not configured.
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


#: Version of every practice's engine.
ENGINE = "26.619.10213"


async def _engine_version(_: str) -> str:
    return ENGINE


class FaultyUpstream:
    """Resilience handlers in front of an upstream that fails on demand and limits its page size."""

    def __init__(self, **sections: Any) -> None:
        self.settings = Settings.model_validate(SETTINGS | sections)
        self.failure: Failure | None = None
        self.max_page_size = 1_000
        self.request_count = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.store = MemoryStore()
        self._proved_callers = ProvedCallers(lambda: 0.0)
        self.issue_states = IssueStates(self.store, NOW.timestamp, _engine_version, lambda _: ENGINE)
        policies = RequestPolicies(self.settings, b"secret", lambda _: "26.619", self._proved_callers)
        sink = RecordingSink()
        recorder = Recorder(sink, DailyUsage(lambda _: None), sink, ledger_names(), now=lambda: NOW)
        guards = with_resilience(
            self.store,
            self.settings.upstream,
            lambda _: self._upstream,
            policies,
            self.issue_states,
            recorder,
        )
        self._handler, self.handlers = guards.fhir, guards.state
        sites = ConfiguredSites(self.settings)
        self.status_reader = SiteStatusReader([self.handlers], {GUID, QUIET}, sites)

    @property
    def endpoints(self) -> SiteEndpoints:
        return SiteEndpoints(self.status_reader, SiteNames({GUID: "harbour"}), lambda: NOW)

    async def send(self, path: str = "Patient/1", query: str = "", guid: str = GUID, key: str = "") -> str:
        """Send one request of a caller whom the upstream has accepted; its status or error code."""
        site = Site(guid, SITE.zone, self.status_reader.site_name(guid))
        headers = ((KEY[0], key or KEY[1]),)
        request = fhir_request(path, query, site=site, headers=headers)
        self._proved_callers.record_success(caller_of(request))
        try:
            return str((await self._handler(request)).status)
        except Failure as failure:
            return failure.kind.code

    async def fail_once(
        self, kind: FailureKind, text: str = "", *, guid: str = GUID, key: str = "", **facts: Any
    ) -> None:
        """Send one request that fails with this kind; later requests succeed."""
        received = json_response({"message": text}, kind.status)
        self.failure = Failure(kind, upstream_response=received, **facts)
        await self.send(guid=guid, key=key)
        self.failure = None

    async def _upstream(self, request: FhirRequest) -> FhirResponse:
        self.request_count += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        counts = request.upstream_search.values("_count")
        if any(int(count) > self.max_page_size for count in counts):
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Patient", "id": "1"})


__all__ = [
    "ENGINE",
    "IP_BLOCKED",
    "KEY",
    "OFFLINE",
    "QUIET",
    "QUOTA_EXHAUSTED",
    "RATE_LIMITED",
    "RESULT_TOO_LARGE",
    "STRANGE",
    "FaultyUpstream",
]
