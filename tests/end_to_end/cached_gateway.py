"""Gateway with a cache: `python cached_gateway.py UPSTREAM REDIS` serves a replica on that Redis."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.cache.lookup import CacheConfig
from gateway.cache.response_cache import ResponseCache
from gateway.emulator.sites import SITES
from gateway.paging.page_links import PageLinks
from gateway.paging.page_token import TokenCipher
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.search.executor import SearchExecutor
from gateway.server.serve import Server
from gateway.settings import SearchSupport, Settings, SiteSettings
from gateway.settings.resolve import ConfiguredSites
from gateway.stores.base import Store
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.redis import RedisStore
from gateway.telemetry.log_config import configure_logging
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.direct_transport import DirectTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import ErrorHandler
from gateway.web.request_reader import RequestReader

#: This is a program: it cannot import tests/support.
PROBED = SearchSupport(column_time_zones={"*.*": "site"}, date_precision={"*.*": "frac"})
LOCK_SECONDS = 1.5
PUBLIC = "https://gw.example"


def settings_for(upstream: str, public_url: str | None = None) -> Settings:
    sites = {guid: SiteSettings(time_zone=site.zone.key, search=PROBED) for guid, site in SITES.items()}
    server = {"public_url": public_url}
    return Settings.model_validate({"upstream": {"url": upstream}, "sites": sites, "server": server})


def replica(upstream: str, redis: str) -> Starlette:
    """A replica with a shared Redis."""
    shared = RedisStore(redis, ["synthetic key"], timeout=5)
    store, settings = FallbackStore(shared, MemoryStore, probe_interval=0.2), settings_for(upstream, PUBLIC)
    return cached_gateway(
        settings, store, CacheConfig(b"synthetic", lock_seconds=LOCK_SECONDS), (store, shared)
    )


def cached_gateway(
    settings: Settings,
    store: Store,
    caching: CacheConfig,
    closeables: tuple[FallbackStore | RedisStore, ...] = (),
) -> Starlette:
    """Handlers as in `gateway/chain.py`, with one route."""
    pool = DirectTransport(
        limits=httpx.Limits(max_connections=50), timeout=httpx.Timeout(10), max_body=9_000_000
    )

    def now() -> datetime:
        return datetime.now(UTC)

    upstream_client = UpstreamClient(pool, DIALECTS["halo-connect"], now)
    searches = SearchExecutor(ResponseRepairs(upstream_client, REPAIRS), 5)
    cache = ResponseCache(searches, store, caching, now)
    handler = PageLinks(RequestRepairs(cache, REPAIRS), TokenCipher(["synthetic"]), timedelta(hours=1))
    endpoint = Endpoint(RequestReader(settings, ConfiguredSites(settings)).read_fhir, ErrorHandler(handler))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        for resource in (*closeables, pool):
            await resource.aclose()

    return Starlette(
        routes=[Route("/integrator/sites/{siteId}/fhir/R4/{path:path}", endpoint)], lifespan=lifespan
    )


if __name__ == "__main__":
    configure_logging("error")
    Server(replica(*sys.argv[1:]), "127.0.0.1", 0, "listening on").run()
