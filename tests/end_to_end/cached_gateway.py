"""A gateway with a cache: `python cached_gateway.py UPSTREAM REDIS` serves a replica on that Redis."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.cache.lookup import Caching
from gateway.cache.response_cache import Cached
from gateway.emulator.sites import SITES
from gateway.paging.page_links import Paged
from gateway.paging.page_token import Seal
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import Normalised, Repaired
from gateway.search.executor import Gathered
from gateway.server.serve import Serving
from gateway.settings import Settings, SiteSettings
from gateway.settings.resolve import Sites
from gateway.stores.base import Store
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.redis import RedisStore
from gateway.telemetry.access_log import Observed
from gateway.telemetry.log_config import configure
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import Upstream
from gateway.upstreams.transport import PooledTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import Answered
from gateway.web.request_reader import Incoming

LEASE = 1.5
PUBLIC = "https://gw.example"


def settings_for(upstream: str, public_url: str | None = None) -> Settings:
    sites = {guid: SiteSettings(time_zone=site.zone.key) for guid, site in SITES.items()}
    server = {"public_url": public_url}
    return Settings.model_validate({"upstream": {"url": upstream}, "sites": sites, "server": server})


def replica(upstream: str, redis: str) -> Starlette:
    """One of several gateways on one Redis."""
    shared = RedisStore(redis, ["synthetic key"])
    store, settings = FallbackStore(shared, MemoryStore, pause=0.2), settings_for(upstream, PUBLIC)
    return cached_gateway(settings, store, Caching(b"synthetic", lease=LEASE), (store, shared))


def cached_gateway(
    settings: Settings,
    store: Store,
    caching: Caching,
    closing: tuple[FallbackStore | RedisStore, ...] = (),
) -> Starlette:
    """The wiring as `gateway/app.py` has it, with one practice surface."""
    pool = PooledTransport(
        limits=httpx.Limits(max_connections=50), timeout=httpx.Timeout(10), max_body=9_000_000
    )

    def now() -> datetime:
        return datetime.now(UTC)

    asking = Upstream(pool, DIALECTS["halo-connect"], now)
    gathered = Gathered(Repaired(asking, REPAIRS), 5)
    cached = Cached(gathered, store, caching, now)
    paged = Paged(Normalised(cached, REPAIRS), Seal(["synthetic"]), timedelta(hours=1))
    endpoint = Endpoint(Incoming(settings, Sites(settings)).fhir, Observed(Answered(paged)))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        for each in (*closing, pool):
            await each.aclose()

    return Starlette(
        routes=[Route("/integrator/sites/{siteId}/fhir/R4/{path:path}", endpoint)], lifespan=lifespan
    )


if __name__ == "__main__":
    configure("error")
    Serving(replica(*sys.argv[1:]), "127.0.0.1", 0, "listening on").run()
