"""The gateway on one screen: which handler wraps which, and which path leads to them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from gateway.admin.health import livez, no_problem, readyz
from gateway.admin.landing import landing_page
from gateway.cache.response_cache import CacheBypass
from gateway.exchange import Handler
from gateway.ledger.metering import SavingsMeter
from gateway.paging.page_links import PageLinks
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.runtime import ClientFactory, Runtime, utc_now
from gateway.search.declared_parameters import DeclaredParameters
from gateway.search.executor import SearchExecutor
from gateway.search.explain import ExplainOperation
from gateway.server.fast_path_protocol import protocol_class
from gateway.settings import Settings
from gateway.telemetry.access_log import AccessLog
from gateway.upstreams.async_status import AsyncStatusUrls
from gateway.validation.write_validation import WriteValidation
from gateway.web import documents
from gateway.web.code_system import CODE_SYSTEM_PATH, code_system_endpoint
from gateway.web.endpoint import Endpoint
from gateway.web.errors import ErrorHandler, not_found
from gateway.web.fast_path import FastPathMiddleware, LogRequestFactory
from gateway.web.mounted_reader import MountedRequestReader
from gateway.web.openapi import openapi_endpoint
from gateway.web.request_reader import RequestReader

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
BASE_URL_REPAIRS = tuple(each for each in REPAIRS if each.issue.id.endswith("-base-url"))


def with_observability(inner: Handler, runtime: Runtime) -> Handler:
    """What every exchange passes on its way in and out."""
    return AccessLog(ErrorHandler(SavingsMeter(inner, runtime.recorder)))


def fhir_chain(upstream: Handler, runtime: Runtime) -> Handler:
    """One exchange with a practice, from the outside in."""
    settings = runtime.settings
    gathered = SearchExecutor(ResponseRepairs(upstream, REPAIRS), settings.search.max_queries_per_page)
    informed = DeclaredParameters(RequestRepairs(runtime.with_cache(gathered), REPAIRS), upstream)
    paged = PageLinks(
        informed, runtime.token_cipher, timedelta(seconds=settings.paging.link_lifetime_seconds)
    )
    return with_observability(with_write_validation(ExplainOperation(paged), settings), runtime)


def with_write_validation(inner: Handler, settings: Settings) -> Handler:
    """Changes are judged before they are sent, where the settings say so."""
    mode = settings.writes.validation
    return inner if mode == "off" else WriteValidation(inner, mode)


def halo_connect_routes(runtime: Runtime, client_for: ClientFactory, name: str = "") -> list[Route]:
    """Halo Connect: FHIR repaired, all else as it is."""
    upstream = runtime.settings.upstreams.get(name)
    path = upstream.path if upstream else ""
    incoming = RequestReader(runtime.settings, runtime.sites, upstream)
    asked = runtime.with_resilience(upstream or runtime.settings.upstream, client_for)
    fhir = Endpoint(
        incoming.read_fhir, fhir_chain(asked, runtime), runtime.rejection_counter(), runtime.fast_path_cache
    )
    unkept = with_observability(CacheBypass(client_for("halo-sql")), runtime)
    other = Endpoint(incoming.read_passthrough, unkept, runtime.rejection_counter(is_fhir=False))
    bases = (route for base in FHIR_PATHS for route in _fhir_routes(path + base, fhir))
    return [*bases, *(Route(path + each, other) for each in OTHER_PATHS)]


def health_gorilla_routes(runtime: Runtime, client_for: ClientFactory, name: str) -> list[Route]:
    """Health Gorilla: FHIR on our base."""
    upstream = runtime.settings.upstreams[name]
    chain = with_observability(
        CacheBypass(ResponseRepairs(AsyncStatusUrls(client_for("health-gorilla")), BASE_URL_REPAIRS)), runtime
    )
    mounted = MountedRequestReader(runtime.settings, name, upstream)
    return _fhir_routes(upstream.path, Endpoint(mounted.read_fhir, chain, runtime.rejection_counter(name)))


def halo_itsm_routes(runtime: Runtime, client_for: ClientFactory, name: str) -> list[Route]:
    """HaloITSM: only its errors change."""
    upstream = runtime.settings.upstreams[name]
    chain = with_observability(CacheBypass(client_for("halo-itsm")), runtime)
    rest = MountedRequestReader(runtime.settings, name, upstream).read_passthrough
    endpoint = Endpoint(rest, chain, runtime.rejection_counter(name, is_fhir=False))
    return [Route(upstream.path + "/{path:path}", endpoint)]


_ROUTE_BUILDERS = {
    "halo-connect": halo_connect_routes,
    "health-gorilla": health_gorilla_routes,
    "halo-itsm": halo_itsm_routes,
}


def create_app(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = utc_now,
    log_request_factory: LogRequestFactory | None = None,
) -> Starlette:
    """The ASGI application of a gateway with these settings.

    `state.http` is the protocol of its server, with the limits of the settings; it answers hits itself where
    no other replicas have to be asked.
    """
    process = Runtime(settings, transport, now, log_request_factory)
    checks = {"configuration": no_problem}
    ready = readyz(checks, process.warnings)
    mounted = [
        route
        for name, each in settings.upstreams.items()
        for route in _ROUTE_BUILDERS[each.dialect](process, process.upstream_client(each), name)
    ]
    shared = settings.cache.redis.url is not None
    plain = [
        Route("/livez", livez),
        Route("/readyz", ready),
        Route("/healthz", ready),
        Route("/metrics", process.metrics.endpoint),
        Route("/openapi.yaml", openapi_endpoint),
        *documents.ROUTES,
    ]
    app = Starlette(
        routes=[
            *halo_connect_routes(process, process.upstream_client(settings.upstream)),
            *mounted,
            Route(CODE_SYSTEM_PATH, code_system_endpoint),
            Route("/", landing_page(settings, checks, process.warnings)),
            *plain,
            *process.admin_endpoints().shared_port_routes(),
        ],
        exception_handlers={HTTPException: not_found},
        middleware=[Middleware(FastPathMiddleware, hits=process.fast_path_cache)] if shared else [],
        lifespan=process.lifespan,
    )
    operators = Route("/", landing_page(settings, checks, process.warnings, show_base_urls=False))
    own = [operators, *plain, *process.admin_endpoints().admin_port_routes()]
    app.state.operators = Starlette(routes=own, exception_handlers={HTTPException: not_found})
    for each in (app, app.state.operators):
        each.router.redirect_slashes = False  # its absolute URL would ignore proxies and their prefixes
    app.state.http = protocol_class(settings.server, None if shared else process.fast_path_cache)
    return app


def _fhir_routes(base: str, endpoint: Endpoint) -> list[Route]:
    """A FHIR base: our CodeSystem, and all else for the endpoint."""
    return [
        Route(base + CODE_SYSTEM_PATH, code_system_endpoint),
        Route(base, endpoint),
        Route(base + "/{path:path}", endpoint),
    ]
