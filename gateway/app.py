"""The gateway on one screen: which handler wraps which, and which path leads to them."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import httpx
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Lifespan

from gateway.core.exchange import Handler
from gateway.dialects import DIALECTS
from gateway.handlers.answered import Answered
from gateway.handlers.explained import Explained
from gateway.handlers.gathered import Gathered
from gateway.handlers.normalised import Normalised
from gateway.handlers.observed import Observed
from gateway.handlers.paged import Paged
from gateway.handlers.polled import Polled
from gateway.handlers.repaired import Repaired
from gateway.handlers.seal import Seal
from gateway.handlers.transport import PooledTransport
from gateway.handlers.upstream import Upstream
from gateway.repairs import REPAIRS
from gateway.settings import Settings
from gateway.settings import Upstream as UpstreamSettings
from gateway.settings.sites import Sites
from gateway.web.code_system import PATH, code_system
from gateway.web.endpoint import Endpoint
from gateway.web.health import livez, readyz
from gateway.web.incoming import Incoming
from gateway.web.mounted import Mounted
from gateway.web.openapi import openapi
from gateway.web.unknown import unknown

_log = structlog.get_logger()

#: Halo's endpoints that are not FHIR (OpenAPI 26.619, integrator and desktop).
OTHER_PATHS = (
    "/integrator/sites",
    "/integrator/sites/{siteId}",
    "/integrator/pair-site",
    "/integrator/pairSite",
    "/integrator/token",
    "/integrator/sites/{siteId}/queries/{query:path}",
    "/desktop/sites/{siteId}/queries/{query:path}",
)
FHIR_PATHS = ("/integrator/sites/{siteId}/fhir/R4", "/desktop/sites/{siteId}/fhir/R4", "/fhir/R4")
#: The repairs that any FHIR server needs once it stands behind another address.
RELOCATING = tuple(each for each in REPAIRS if each.issue.id.endswith("-base-url"))

Ask = Callable[[str], Handler]


def handler(upstream: Handler, settings: Settings) -> Handler:
    """One exchange with a practice, from the outside in."""
    gathered = Gathered(Repaired(upstream, REPAIRS), settings.search.max_queries)
    paged = Paged(Normalised(gathered, REPAIRS), _seal(settings), timedelta(seconds=settings.pages.lifetime))
    return Observed(Answered(Explained(paged)))


def halo_connect(settings: Settings, ask: Ask, name: str = "") -> list[Route]:
    """Halo Connect: FHIR repaired, all else as it is."""
    upstream = settings.upstreams.get(name)
    path = upstream.path if upstream else ""
    incoming = Incoming(settings, Sites(settings), upstream)
    fhir = Endpoint(incoming.fhir, handler(ask("halo-connect"), settings))
    other = Endpoint(incoming.other, Observed(Answered(ask("halo-sql"))))
    bases = (route for base in FHIR_PATHS for route in _below(path + base, fhir))
    return [*bases, *(Route(path + each, other) for each in OTHER_PATHS)]


def health_gorilla(settings: Settings, ask: Ask, name: str) -> list[Route]:
    """Health Gorilla: FHIR on our base."""
    chain = Observed(Answered(Repaired(Polled(ask("health-gorilla")), RELOCATING)))
    upstream = settings.upstreams[name]
    return _below(upstream.path, Endpoint(Mounted(settings, name, upstream).fhir, chain))


def halo_itsm(settings: Settings, ask: Ask, name: str) -> list[Route]:
    """HaloITSM: only its errors change."""
    upstream = settings.upstreams[name]
    endpoint = Endpoint(Mounted(settings, name, upstream).rest, Observed(Answered(ask("halo-itsm"))))
    return [Route(upstream.path + "/{path:path}", endpoint)]


_ROUTES = {"halo-connect": halo_connect, "health-gorilla": health_gorilla, "halo-itsm": halo_itsm}


def create_app(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The ASGI application of a gateway with these settings."""
    pools: list[httpx.AsyncBaseTransport] = []

    def asking(upstream: UpstreamSettings) -> Ask:
        pools.append(transport or _pool(upstream))
        pool, text = pools[-1], settings.errors.upstream_text
        return lambda dialect: Upstream(pool, DIALECTS[dialect], now, text)

    mounted = settings.upstreams.items()
    return Starlette(
        routes=[
            *halo_connect(settings, asking(settings.upstream)),
            *(
                route
                for name, each in mounted
                for route in _ROUTES[each.dialect](settings, asking(each), name)
            ),
            Route(PATH, code_system),
            Route("/livez", livez),
            Route("/readyz", readyz({})),
            Route("/healthz", readyz({})),
            Route("/openapi.yaml", openapi),
        ],
        exception_handlers={HTTPException: unknown},
        lifespan=_closing(pools),
    )


def _below(base: str, endpoint: Endpoint) -> list[Route]:
    """A FHIR base: our CodeSystem, and all else for the endpoint."""
    return [Route(base + PATH, code_system), Route(base, endpoint), Route(base + "/{path:path}", endpoint)]


def _seal(settings: Settings) -> Seal:
    keys = [key.get_secret_value() for key in settings.pages.keys]
    if not keys:
        _log.warning("pages.keys is not set: page links end with this process and fail on other replicas")
    return Seal(keys or [token_hex()])


def _pool(upstream: UpstreamSettings) -> PooledTransport:
    return PooledTransport(
        limits=httpx.Limits(
            max_connections=upstream.max_connections, keepalive_expiry=upstream.timeouts.idle
        ),
        timeout=httpx.Timeout(upstream.timeouts.read, connect=upstream.timeouts.connect),
        max_body=upstream.max_body,
    )


def _closing(pools: Iterable[httpx.AsyncBaseTransport]) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        for pool in pools:
            await pool.aclose()

    return lifespan
