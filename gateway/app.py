"""The gateway on one screen: which handler wraps which, and which path leads to them."""

from collections.abc import AsyncIterator, Callable
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
from gateway.handlers.repaired import Repaired
from gateway.handlers.seal import Seal
from gateway.handlers.transport import PooledTransport
from gateway.handlers.upstream import Upstream
from gateway.repairs import REPAIRS
from gateway.settings import Settings
from gateway.settings.sites import Sites
from gateway.web.endpoint import Endpoint
from gateway.web.health import livez, readyz
from gateway.web.incoming import Incoming
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


def handler(upstream: Handler, settings: Settings, seal: Seal) -> Handler:
    """One exchange with a practice, from the outside in."""
    gathered = Gathered(Repaired(upstream, REPAIRS), settings.search.max_queries)
    paged = Paged(Normalised(gathered, REPAIRS), seal, timedelta(seconds=settings.pages.lifetime))
    return Observed(Answered(Explained(paged)))


def create_app(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The ASGI application of a gateway with these settings."""
    upstreams: dict[str, UpstreamSettings] = {"": settings.upstream, **settings.upstreams}
    pools = {name: transport or _pool(each) for name, each in upstreams.items()}
    mounts = _Mounts(settings, _seal(settings))
    routes = []
    for name, each in upstreams.items():
        asking = partial(Upstream, pools[name], now=now, upstream_text=settings.errors.upstream_text)
        routes += mounts.routes(name, each, lambda dialect, asking=asking: asking(DIALECTS[dialect]))
    return Starlette(
        routes=[
            *routes,
            Route(PATH, code_system),
            Route("/livez", livez),
            Route("/readyz", readyz({})),
            Route("/healthz", readyz({})),
            Route("/openapi.yaml", openapi),
        ],
        exception_handlers={HTTPException: unknown},
        lifespan=_closing(pools.values()),
    )


def _seal(settings: Settings) -> Seal:
    keys = [key.get_secret_value() for key in settings.pages.keys]
    if not keys:
        _log.warning("pages.keys is not set: page links end with this process and fail on other replicas")
    return Seal(keys or [token_hex()])


def _pool(settings: Settings) -> PooledTransport:
    upstream = settings.upstream
    return PooledTransport(
        limits=httpx.Limits(
            max_connections=upstream.max_connections, keepalive_expiry=upstream.timeouts.idle
        ),
        timeout=httpx.Timeout(upstream.timeouts.read, connect=upstream.timeouts.connect),
        max_body=upstream.max_body,
    )


def _closing(pool: httpx.AsyncBaseTransport) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        await pool.aclose()

    return lifespan


def _report(reference: str, problem: BaseException) -> None:
    _log.error("unexpected", reference=reference, exc_info=problem)
