"""Which engine each site runs, as the answers that pass by show it: nothing is asked for it."""

from collections.abc import Awaitable, Callable

from gateway.exchange import FhirRequest, FhirResponse
from gateway.sites.engine import Engine, shown
from gateway.stores.base import Store
from gateway.stores.replicated import Remembered

#: Seconds that a version is kept without being seen, and until one replica hears of another's.
KEPT, TRUSTED = 7 * 86_400.0, 60.0
UNKNOWN = Engine()


class Engines:
    """The engines of all sites, shared by replicas. `updated` is told the GUID of a site with a new one."""

    def __init__(
        self, store: Store, clock: Callable[[], float], updated: Callable[[str], Awaitable[None]]
    ) -> None:
        self._kept = Remembered(store, Engine, "engine/", clock, lifetime=KEPT, trusted=TRUSTED)
        self._updated = updated
        self._known: dict[str, Engine] = {}

    def of(self, guid: str) -> str:
        """The version of a site's engine; empty while it was not seen."""
        return self._known.get(guid, UNKNOWN).version

    async def version(self, guid: str) -> str:
        """The same, with what other replicas have seen: a look at the store once a minute."""
        found = await self._kept.get(guid)
        if found is not None:
            self._known[guid] = found
        return self.of(guid)

    async def observe(self, request: FhirRequest, response: FhirResponse) -> None:
        """Learn from an answer of the upstream."""
        source, versions = shown(request, response)
        for guid, version in versions.items():
            await self.version(guid)
            before = self._known.get(guid, UNKNOWN)
            now = before.seen(source, version)
            if now is not before:
                await self._learned(guid, before, now)

    async def _learned(self, guid: str, before: Engine, now: Engine) -> None:
        self._known[guid] = now
        await self._kept.set(guid, now)
        if before.version not in {"", now.version}:
            await self._updated(guid)
