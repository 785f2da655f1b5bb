"""ASGI application: the routes, with one line per upstream and per endpoint."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from gateway.admin.allowed_hosts import AllowedHosts, names_of
from gateway.admin.dashboard.door import Door
from gateway.admin.dashboard.operators_api import OperatorsApi
from gateway.admin.dashboard.routes import Dashboard
from gateway.admin.dashboard.sign_in_attempts import SignInAttempts
from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.health import livez, readyz
from gateway.admin.landing import landing_page
from gateway.admin.ledger import AppReports
from gateway.admin.operations import Operations
from gateway.admin.today import DaySource
from gateway.app_builders import prices_of, usual_zone
from gateway.chain import (
    Chain,
    halo_chains,
    mounted_fhir_chain,
    mounted_passthrough_chain,
    passthrough_chain,
    upstream_client,
)
from gateway.fhir.interaction import Interaction, allowed_methods
from gateway.key_derivation import derive_key
from gateway.plugins.extensions_of import extensions_of
from gateway.runtime import Runtime, monotonic_clock, utc_now
from gateway.server.fast_path_protocol import protocol_class
from gateway.server.worker import Worker
from gateway.settings import MountedUpstream, Settings
from gateway.sites.engine_version import with_engine_versions
from gateway.sql.held_polls import is_held
from gateway.telemetry.service_metrics import ClientConnections, readiness_reader
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web import documents
from gateway.web.app_reader import with_app
from gateway.web.body_budget import BodyBudget, BodyBudgetMiddleware
from gateway.web.client_address import client_address
from gateway.web.code_system import CODE_SYSTEM_PATH, code_system_endpoint
from gateway.web.content_coding import RequestDecompression
from gateway.web.cors import CorsPolicy
from gateway.web.cors_middleware import cors_routes
from gateway.web.direct_routes import DirectApplication
from gateway.web.endpoint import Endpoint, ReportRejection
from gateway.web.errors import not_found
from gateway.web.fast_path import FastPathMiddleware, LogRequestFactory
from gateway.web.logged_responses import LoggedResponses
from gateway.web.mounted_reader import MountedRequestReader
from gateway.web.openapi import openapi_endpoint
from gateway.web.request_reader import RequestReader
from gateway.webhooks.routes import webhook_routes
from gateway.worker_routes import WorkerRoutes

FHIR_PATHS = ("/integrator/sites/{siteId}/fhir/R4", "/desktop/sites/{siteId}/fhir/R4", "/fhir/R4")
#: Halo's endpoints that are not FHIR (OpenAPI 26.619, integrator and desktop).
OTHER_PATHS = (
    "/integrator/sites",
    "/integrator/sites/{siteId}",
    "/integrator/pair-site",
    "/integrator/pairSite",
    "/integrator/token",
)
SQL_PATHS = (
    "/integrator/sites/{siteId}/queries/{query:path}",
    "/desktop/sites/{siteId}/queries/{query:path}",
)


class Mount(NamedTuple):
    """Routes of one upstream, their chains, and the endpoint of practices."""

    routes: list[Route]
    chains: tuple[Chain, ...]
    fhir_endpoint: Endpoint | None = None


def endpoint_factory(runtime: Runtime) -> Callable[..., Endpoint]:
    """Return `Endpoint` with what all endpoints of a process share."""
    return partial(Endpoint, has_ended=runtime.has_ended.is_set, access_log=runtime.access_log)


def halo_mount(runtime: Runtime, mounted: MountedUpstream | None = None) -> Mount:
    """Mount Halo Connect: FHIR with all repairs, SQL by the same rules, other endpoints passed through."""
    upstream = mounted or runtime.settings.upstream
    extensions = extensions_of(runtime.settings, upstream)
    client_for = upstream_client(runtime, upstream, extensions)
    find_site = with_engine_versions(runtime.sites, runtime.engine_versions_of(upstream).local_version)
    reader = RequestReader(runtime.settings, find_site, mounted, runtime.sites.without_zone)
    fhir, sql = halo_chains(runtime, upstream, client_for, extensions)
    passthrough = passthrough_chain(runtime, client_for("halo-sql"))
    counter = rejection_reports(runtime)
    endpoint, apps = endpoint_factory(runtime), runtime.apps
    fhir_endpoint = endpoint(
        with_app(reader.read_fhir, apps),
        fhir.handler,
        counter(),
        runtime.fast_path_cache,
        methods_of=allowed_methods,
    )
    read_other, read_sql = with_app(reader.read_passthrough, apps), with_app(reader.read_sql, apps)
    other_endpoint = endpoint(read_other, passthrough.handler, counter(is_fhir=False))
    sql_endpoint = endpoint(read_sql, sql.handler, counter(is_fhir=False), ends_with_client=is_held)
    prefix = mounted.path if mounted else ""
    bases = [prefix + base for base in FHIR_PATHS]
    fhir_routes = [route for base in bases for route in _fhir_routes(runtime, base, fhir_endpoint)]
    other_routes = [Route(prefix + path, other_endpoint) for path in OTHER_PATHS]
    sql_routes = [Route(prefix + path, sql_endpoint) for path in SQL_PATHS]
    return Mount([*fhir_routes, *sql_routes, *other_routes], (fhir, sql, passthrough), fhir_endpoint)


def mount_upstream(runtime: Runtime, name: str, upstream: MountedUpstream) -> Mount:
    """Mount a further upstream below its path; its dialect is Halo Connect, FHIR, or passed through."""
    dialect = upstream.resolved_dialect
    if dialect is HALO_CONNECT:
        return halo_mount(runtime, upstream)
    extensions, counter = extensions_of(runtime.settings, upstream), rejection_reports(runtime)
    client_for = upstream_client(runtime, upstream, extensions)
    version_of = runtime.engine_versions_of(upstream).local_version
    reader = MountedRequestReader(runtime.settings, name, upstream, version_of)
    endpoint_of, apps = endpoint_factory(runtime), runtime.apps
    if dialect.is_fhir:
        chain = mounted_fhir_chain(runtime, upstream, client_for, extensions)
        endpoint = endpoint_of(
            with_app(reader.read_fhir, apps), chain.handler, counter(name), methods_of=reader.methods_of
        )
        return Mount(_fhir_routes(runtime, upstream.path, endpoint), (chain,))
    chain = mounted_passthrough_chain(runtime, upstream, client_for, extensions)
    rejections = counter(name, is_fhir=False)
    read_request = with_app(reader.read_passthrough, apps)
    endpoint = endpoint_of(read_request, chain.handler, rejections)
    return Mount([Route(upstream.path + "/{path:path}", endpoint)], (chain,))


def rejection_reports(runtime: Runtime) -> Callable[..., ReportRejection]:
    """Return what makes the report of rejected requests: it counts them, and records their spans."""

    def report_for(mount_name: str = "", *, is_fhir: bool = True) -> ReportRejection:
        return runtime.tracing.with_rejections(runtime.rejection_counter(mount_name, is_fhir=is_fhir))

    return report_for


def operations_of(runtime: Runtime, chains: list[Chain]) -> Operations:
    """State of the chains that operators see and change."""
    return Operations(
        runtime.settings,
        runtime.store,
        runtime.cache_config.secret,
        runtime.sites,
        runtime.now,
        [chain.response_cache for chain in chains if chain.response_cache],
        (runtime.fast_path_cache,),
        [chain.upstream_handlers for chain in chains if chain.upstream_handlers],
        runtime.outcome_counts,
        runtime.names.has_name,
        runtime.shape_log,
        runtime.monotonic,
        runtime.recorder.history,
        runtime.recorder.recent_failures,
    )


def create_app(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = utc_now,
    log_request_factory: LogRequestFactory | None = None,
    monotonic: Callable[[], float] = monotonic_clock,
    worker: Worker | None = None,
) -> Starlette:
    """ASGI application of a gateway with these settings.

    `state.http` is the protocol class of its server, with the limits of the settings; unless replicas share
    the store, it also responds to repeated requests. `state.operators` is the application of the admin port;
    the other members of `state` are what `DrainingServer` calls and reads.
    """
    runtime = Runtime(settings, transport, now, log_request_factory, monotonic, worker=worker)
    mounts = [halo_mount(runtime), *(mount_upstream(runtime, *mount) for mount in settings.upstreams.items())]
    operations = operations_of(runtime, [chain for mount in mounts for chain in mount.chains])
    runtime.metrics.register_state(operations.read_metrics)
    runtime.metrics.register_state(readiness_reader({**runtime.checks, **runtime.warnings}))
    app_reports = AppReports(runtime.ledger.rows_by_app, prices_of(settings), runtime.app_usage.statuses)
    day_source = DaySource(runtime.ledger.day_sums, usual_zone(settings))
    admin = operations.admin_endpoints(runtime.ledger.rows, runtime.cap_statuses, app_reports, day_source)
    is_shared = settings.cache.redis.url is not None
    common_routes, metrics_routes = _common_routes(runtime), [Route("/metrics", runtime.metrics.endpoint)]
    fast_path = [Middleware(FastPathMiddleware, hits=runtime.fast_path_cache)] if is_shared else []
    admin_routes, lifespan = admin.admin_port_routes(), runtime.lifespan
    shared_routes = admin.shared_port_routes()
    if worker:
        sums = WorkerRoutes(worker, _starlette([*metrics_routes, *admin_routes]), is_shared)
        lifespan = partial(_worker_lifespan, runtime, sums)
        admin_routes, metrics_routes = sums.with_sums(admin_routes), sums.with_sums(metrics_routes)
        shared_routes = sums.with_sums(shared_routes)
    admin_routes += _dashboard_routes(runtime, admin, admin_routes)
    shared_routes += _dashboard_routes(runtime, admin, shared_routes) if shared_routes else []
    budget = BodyBudget(settings.server.max_total_body)
    routes = [
        *(route for mount in mounts for route in mount.routes),
        *_webhook_routes(runtime),
        _code_system_route(runtime),
        Route("/", landing_page(settings, runtime.checks, runtime.warnings)),
        *common_routes,
        *([] if settings.admin.listen else metrics_routes),
        *shared_routes,
    ]
    cors = CorsPolicy(settings.cors, cors_routes(routes)) if settings.cors.origins else None
    if cors:
        runtime.fast_path_cache.add_fields(cors.fields_for_target)
    app = _starlette(
        routes,
        middleware=[
            *fast_path,
            Middleware(RequestDecompression, unread_paths=_unread_paths(settings)),
            Middleware(BodyBudgetMiddleware, budget=budget, server=settings.server),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: LoggedResponses(runtime.access_log).not_found},
        fhir_endpoint=None if is_shared else mounts[0].fhir_endpoint,
        cors=cors,
    )
    admin_landing = Route("/", landing_page(settings, runtime.checks, runtime.warnings, show_base_urls=False))
    app.state.operators = _starlette(
        [admin_landing, *common_routes, *metrics_routes, *admin_routes],
        middleware=[Middleware(AllowedHosts, names=names_of(settings.admin))],
    )
    http = protocol_class(settings.server, runtime.fast_path_cache, runtime.access_log, cors)
    app.state.http = http
    connections = ClientConnections(lambda: len(http.open_connections), settings.server.max_connections)
    runtime.metrics.register(connections)
    app.state.begin_shutdown = runtime.shutdown.begin
    app.state.drain_delay = settings.server.drain_delay
    app.state.end_waits = runtime.has_ended.set
    app.state.drain_seconds = settings.server.drain_seconds
    return app


@asynccontextmanager
async def _worker_lifespan(runtime: Runtime, sums: WorkerRoutes, app: Starlette) -> AsyncIterator[None]:
    async with runtime.lifespan(app), sums.lifespan(runtime.store):
        yield


def _unread_paths(settings: Settings) -> tuple[str, ...]:
    """Beginnings of the paths below which bodies are passed through."""
    mounts = settings.upstreams.values()
    return tuple(f"{mount.path}/" for mount in mounts if not mount.resolved_dialect.is_fhir)


def _webhook_routes(runtime: Runtime) -> list[Route]:
    """Route of Halo's webhooks, if a secret is configured."""
    parts = runtime.settings, runtime.store, runtime.counters, runtime.sites
    routes, logged = (
        webhook_routes(*parts, runtime.metrics, runtime.exit_stack),
        LoggedResponses(runtime.access_log),
    )
    return [Route(route.path, logged.of(route.endpoint), methods=["POST"]) for route in routes]


def _common_routes(runtime: Runtime) -> list[Route]:
    """Routes of both ports."""
    ready = readyz(runtime.checks, runtime.warnings)
    return [
        Route("/livez", livez),
        Route("/readyz", ready),
        Route("/healthz", ready),
        Route("/openapi.yaml", openapi_endpoint),
        *documents.ROUTES,
    ]


def _dashboard_routes(runtime: Runtime, admin: AdminEndpoints, routes: list[Route]) -> list[Route]:
    """Routes of the dashboard over operators' endpoints, which respond for all workers."""
    server = runtime.settings.server
    door = Door(
        admin.token,
        derive_key(admin.token or runtime.caller_secret.hex(), "operators' sessions"),
        lambda: runtime.now().timestamp(),
        admin.wrong_tokens,
        SignInAttempts(runtime.monotonic),
        lambda request: client_address(request, server),
    )
    return Dashboard(OperatorsApi(routes, admin.token), door, usual_zone(runtime.settings)).routes()


def _starlette(routes: list[Route], **options: Any) -> Starlette:
    app = DirectApplication(routes=routes, **({"exception_handlers": {HTTPException: not_found}} | options))
    app.router.redirect_slashes = False  # the absolute URL of a redirect would ignore proxy prefixes
    return app


def _code_system_route(runtime: Runtime, base: str = "") -> Route:
    logged = LoggedResponses(runtime.access_log)
    interaction = Interaction("read", "CodeSystem")
    return Route(base + CODE_SYSTEM_PATH, logged.of(code_system_endpoint, interaction))


def _fhir_routes(runtime: Runtime, base: str, endpoint: Endpoint) -> list[Route]:
    """Routes of a FHIR base: the gateway's CodeSystem, and the endpoint for all other paths."""
    return [
        _code_system_route(runtime, base),
        Route(base, endpoint),
        Route(base + "/{path:path}", endpoint),
    ]
