"""ASGI application of one process: all routes, middleware, and what its server calls."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

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
from gateway.admin.reach import with_reach
from gateway.admin.today import DaySource
from gateway.app_builders import prices_of, usual_zone
from gateway.builders import cache_secrets
from gateway.chain import (
    Chain,
)
from gateway.key_derivation import derive_key
from gateway.runtime import Runtime, monotonic_clock, utc_now
from gateway.server.fast_path_protocol import protocol_class
from gateway.server.worker import Worker
from gateway.settings import Settings
from gateway.store_builders import create_replicas
from gateway.stores.base import Store
from gateway.stores.channel import NoChannel
from gateway.stores.fallback import FallbackStore
from gateway.stores.replicas import NoReplicas, ReplicaTable
from gateway.telemetry.service_metrics import ClientConnections, readiness_reader
from gateway.upstream_routes import code_system_route, halo_mount, mount_upstream
from gateway.web import documents
from gateway.web.body_budget import BodyBudget, BodyBudgetMiddleware
from gateway.web.client_address import client_address
from gateway.web.content_coding import RequestDecompression
from gateway.web.cors import CorsPolicy
from gateway.web.cors_middleware import cors_routes
from gateway.web.direct_routes import DirectApplication
from gateway.web.errors import not_found
from gateway.web.fast_path import FastPathMiddleware, LogRequestFactory
from gateway.web.logged_responses import LoggedResponses
from gateway.web.openapi import openapi_endpoint
from gateway.web.unread_requests import UnreadRequests
from gateway.webhooks.routes import webhook_routes
from gateway.worker_routes import WorkerRoutes


def operations_of(runtime: Runtime, chains: list[Chain]) -> Operations:
    """State of the chains that operators see and change."""
    return Operations(
        runtime.settings,
        runtime.store,
        (runtime.cache_config.secret, *cache_secrets(runtime.settings)),
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
    runtime.metrics.register_state(readiness_reader(runtime.checks, runtime.warnings))
    app_reports = AppReports(runtime.ledger.rows_by_app, prices_of(settings), runtime.app_usage.statuses)
    day_source = DaySource(runtime.ledger.day_sums, usual_zone(settings))
    admin = operations.admin_endpoints(
        runtime.ledger.rows, runtime.cap_statuses, app_reports, day_source, runtime.has_ended.is_set
    )
    is_shared = settings.cache.redis.url is not None
    common_routes, metrics_routes = _common_routes(runtime), [Route("/metrics", runtime.metrics.endpoint)]
    fast_path = [Middleware(FastPathMiddleware, hits=runtime.fast_path_cache)] if is_shared else []
    identity = (worker.number, worker.process_secret) if worker else ()
    replicas = create_replicas(runtime.store, runtime.channel or NoChannel(), *identity)
    admin_routes, lifespan = admin.admin_port_routes(), partial(_lifespan, runtime, replicas)
    shared_routes = admin.shared_port_routes()
    if worker:
        sums = WorkerRoutes(worker, _starlette([*metrics_routes, *admin_routes]), is_shared)
        lifespan = partial(_worker_lifespan, lifespan, runtime.store, sums)
        admin_routes, metrics_routes = sums.with_sums(admin_routes), sums.with_sums(metrics_routes)
        shared_routes = sums.with_sums(shared_routes)
    admin_routes, shared_routes = with_reach(admin_routes, replicas), with_reach(shared_routes, replicas)
    admin_routes += _dashboard_routes(runtime, admin, admin_routes)
    shared_routes += _dashboard_routes(runtime, admin, shared_routes) if shared_routes else []
    budget = BodyBudget(settings.server.max_total_body)
    routes = [
        *(route for mount in mounts for route in mount.routes),
        *_webhook_routes(runtime),
        code_system_route(runtime),
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
        exception_handlers={HTTPException: LoggedResponses(runtime.unread).not_found},
        fhir_endpoint=None if is_shared else mounts[0].fhir_endpoint,
        cors=cors,
        unread=runtime.unread,
    )
    admin_landing = Route("/", landing_page(settings, runtime.checks, runtime.warnings, show_base_urls=False))
    logged = LoggedResponses(UnreadRequests(runtime.access_log))
    app.state.operators = _starlette(
        [admin_landing, *common_routes, *metrics_routes, *admin_routes],
        middleware=[Middleware(AllowedHosts, names=names_of(settings.admin), refuse=logged.refuse)],
        exception_handlers={HTTPException: logged.not_found},
    )
    http = protocol_class(settings.server, runtime.fast_path_cache, runtime.unread, cors)
    app.state.http = http
    connections = ClientConnections(lambda: len(http.open_connections), settings.server.max_connections)
    runtime.metrics.register(connections)
    app.state.begin_shutdown = runtime.shutdown.begin
    app.state.drain_delay = settings.server.drain_delay
    app.state.end_waits = runtime.has_ended.set
    app.state.drain_seconds = settings.server.drain_seconds
    return app


@asynccontextmanager
async def _lifespan(
    runtime: Runtime, replicas: NoReplicas | ReplicaTable, app: Starlette
) -> AsyncIterator[None]:
    async with runtime.lifespan(app):
        await runtime.exit_stacks.enter("store", replicas)
        if isinstance(runtime.store, FallbackStore):  # before the replica leaves its place, which is in Redis
            runtime.exit_stacks["store"].push_async_callback(runtime.store.end_outage)
        yield


@asynccontextmanager
async def _worker_lifespan(
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
    store: Store,
    sums: WorkerRoutes,
    app: Starlette,
) -> AsyncIterator[None]:
    async with lifespan(app), sums.lifespan(store):
        yield


def _unread_paths(settings: Settings) -> tuple[str, ...]:
    """Beginnings of the paths below which bodies are passed through."""
    mounts = settings.upstreams.values()
    return tuple(f"{mount.path}/" for mount in mounts if not mount.resolved_dialect.is_fhir)


def _webhook_routes(runtime: Runtime) -> list[Route]:
    """Route of Halo's webhooks, if a secret is configured."""
    parts = runtime.settings, runtime.store, runtime.counters, runtime.sites
    routes, logged = (
        webhook_routes(*parts, runtime.metrics, runtime.exit_stacks["webhooks"]),
        LoggedResponses(runtime.unread),
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
    return Dashboard(OperatorsApi(routes, admin.token), door).routes()


def _starlette(routes: list[Route], **options: Any) -> Starlette:
    app = DirectApplication(routes=routes, **({"exception_handlers": {HTTPException: not_found}} | options))
    app.router.redirect_slashes = False  # the absolute URL of a redirect would ignore proxy prefixes
    return app
