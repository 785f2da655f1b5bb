"""The gateway on one screen: which handler wraps which, and which path leads to them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from gateway.admin.health import in_order, livez, readyz
from gateway.admin.landing import landing
from gateway.cache.response_cache import Uncached
from gateway.exchange import Handler
from gateway.ledger.metering import Credited
from gateway.paging.page_links import Paged
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import Normalised, Repaired
from gateway.runtime import Ask, Process, clock
from gateway.search.declared_parameters import Informed
from gateway.search.executor import Gathered
from gateway.search.explain import Explained
from gateway.server.fast_path_protocol import protocol
from gateway.settings import Settings
from gateway.telemetry.access_log import Observed
from gateway.upstreams.async_status import Polled
from gateway.validation.write_validation import WriteValidation
from gateway.web import documents
from gateway.web.code_system import PATH, code_system
from gateway.web.endpoint import Endpoint
from gateway.web.errors import Answered, unknown
from gateway.web.fast_path import HitsFirst, Line
from gateway.web.mounted_reader import Mounted
from gateway.web.openapi import openapi
from gateway.web.request_reader import Incoming

FHIR_PATHS = ("/integrator/sites/{siteId}/fhir/R4", "/desktop/sites/{siteId}/fhir/R4", "/fhir/R4")
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
#: The repairs that any FHIR server needs once it stands behind another address.
RELOCATING = tuple(each for each in REPAIRS if each.issue.id.endswith("-base-url"))


def around(inner: Handler, process: Process) -> Handler:
    """What every exchange passes on its way in and out."""
    return Observed(Answered(Credited(inner, process.recorder)))


def repaired(upstream: Handler, process: Process) -> Handler:
    """One exchange with a practice, from the outside in."""
    settings = process.settings
    gathered = Gathered(Repaired(upstream, REPAIRS), settings.search.max_queries)
    informed = Informed(Normalised(process.cached(gathered), REPAIRS), upstream)
    paged = Paged(informed, process.seal, timedelta(seconds=settings.pages.lifetime))
    return around(validated(Explained(paged), settings), process)


def validated(inner: Handler, settings: Settings) -> Handler:
    """Changes are judged before they are sent, where the settings say so."""
    mode = settings.writes.validation
    return inner if mode == "off" else WriteValidation(inner, mode)


def halo_connect(process: Process, ask: Ask, name: str = "") -> list[Route]:
    """Halo Connect: FHIR repaired, all else as it is."""
    upstream = process.settings.upstreams.get(name)
    path = upstream.path if upstream else ""
    incoming = Incoming(process.settings, process.sites, upstream)
    asked = process.resilient(upstream or process.settings.upstream, ask)
    fhir = Endpoint(incoming.fhir, repaired(asked, process), process.refused(), process.hits)
    unkept = around(Uncached(ask("halo-sql")), process)
    other = Endpoint(incoming.other, unkept, process.refused(fhir=False))
    bases = (route for base in FHIR_PATHS for route in _below(path + base, fhir))
    return [*bases, *(Route(path + each, other) for each in OTHER_PATHS)]


def health_gorilla(process: Process, ask: Ask, name: str) -> list[Route]:
    """Health Gorilla: FHIR on our base."""
    upstream = process.settings.upstreams[name]
    chain = around(Uncached(Repaired(Polled(ask("health-gorilla")), RELOCATING)), process)
    mounted = Mounted(process.settings, name, upstream)
    return _below(upstream.path, Endpoint(mounted.fhir, chain, process.refused(name)))


def halo_itsm(process: Process, ask: Ask, name: str) -> list[Route]:
    """HaloITSM: only its errors change."""
    upstream = process.settings.upstreams[name]
    chain = around(Uncached(ask("halo-itsm")), process)
    rest = Mounted(process.settings, name, upstream).rest
    endpoint = Endpoint(rest, chain, process.refused(name, fhir=False))
    return [Route(upstream.path + "/{path:path}", endpoint)]


_MOUNTED = {"halo-connect": halo_connect, "health-gorilla": health_gorilla, "halo-itsm": halo_itsm}


def create_app(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = clock,
    line: Line | None = None,
) -> Starlette:
    """The ASGI application of a gateway with these settings.

    `state.http` is the protocol of its server, with the limits of the settings; it answers hits itself where
    no other replicas have to be asked.
    """
    process = Process(settings, transport, now, line)
    checks = {"configuration": in_order}
    ready = readyz(checks, process.warnings)
    mounted = [
        route
        for name, each in settings.upstreams.items()
        for route in _MOUNTED[each.dialect](process, process.asking(each), name)
    ]
    shared = settings.cache.redis.url is not None
    plain = [
        Route("/livez", livez),
        Route("/readyz", ready),
        Route("/healthz", ready),
        Route("/metrics", process.metrics.endpoint),
        Route("/openapi.yaml", openapi),
        *documents.ROUTES,
    ]
    app = Starlette(
        routes=[
            *halo_connect(process, process.asking(settings.upstream)),
            *mounted,
            Route(PATH, code_system),
            Route("/", landing(settings, checks, process.warnings)),
            *plain,
            *process.admin().routes(),
        ],
        exception_handlers={HTTPException: unknown},
        middleware=[Middleware(HitsFirst, hits=process.hits)] if shared else [],
        lifespan=process.lifespan,
    )
    operators = Route("/", landing(settings, checks, process.warnings, sites=False))
    own = [operators, *plain, *process.admin().own_routes()]
    app.state.operators = Starlette(routes=own, exception_handlers={HTTPException: unknown})
    for each in (app, app.state.operators):
        each.router.redirect_slashes = False  # its absolute URL would ignore proxies and their prefixes
    app.state.http = protocol(settings.server, None if shared else process.hits)
    return app


def _below(base: str, endpoint: Endpoint) -> list[Route]:
    """A FHIR base: our CodeSystem, and all else for the endpoint."""
    return [Route(base + PATH, code_system), Route(base, endpoint), Route(base + "/{path:path}", endpoint)]
