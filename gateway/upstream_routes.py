"""Routes of the upstreams: which path leads to which chain."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from starlette.routing import Route

from gateway.chain import (
    Chain,
    halo_chains,
    mounted_fhir_chain,
    mounted_passthrough_chain,
    passthrough_chain,
    upstream_client,
)
from gateway.dates.timezones import load_zone
from gateway.exchange import Site
from gateway.fhir.interaction import Interaction, allowed_methods
from gateway.fhir.resource_types import RESOURCE_TYPES_BY_VERSION
from gateway.plugins.extensions_of import extensions_of
from gateway.runtime import Runtime
from gateway.settings import MountedUpstream
from gateway.sites.engine_version import with_engine_versions
from gateway.sites.mounted_names import site_at, sites_at
from gateway.sql.held_polls import is_held
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.web.app_reader import with_app
from gateway.web.code_system import CODE_SYSTEM_PATH, code_system_endpoint
from gateway.web.endpoint import Endpoint, ReportRejection
from gateway.web.logged_responses import LoggedResponses
from gateway.web.mounted_reader import MountedRequestReader
from gateway.web.rejections import RejectionReport
from gateway.web.request_reader import RequestReader

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

#: Returns a site by its GUID; None if its time zone is unknown.
FindSite = Callable[[str], Site | None]


class Mount(NamedTuple):
    """Routes of one upstream, their chains, and the endpoint of practices."""

    routes: list[Route]
    chains: tuple[Chain, ...]
    fhir_endpoint: Endpoint | None = None


def endpoint_factory(runtime: Runtime) -> Callable[..., Endpoint]:
    """Return `Endpoint` with what all endpoints of a process share."""
    return partial(Endpoint, has_ended=runtime.has_ended.is_set, access_log=runtime.access_log)


def halo_mount(runtime: Runtime, mounted: MountedUpstream | None = None, name: str = "") -> Mount:
    """Mount Halo Connect: FHIR with all repairs, SQL by the same rules, other endpoints passed through.

    `name`: that of a second one in `upstreams`, which its practices have before theirs.
    """
    upstream = mounted or runtime.settings.upstream
    extensions = extensions_of(runtime.settings, upstream)
    client_for = upstream_client(runtime, upstream, extensions)
    named_sites, sql_sites = sites_at(name, runtime.sites), runtime.sites.without_zone
    find_site = with_engine_versions(named_sites, runtime.engine_versions_of(upstream).local_version)
    reader = RequestReader(
        runtime.settings,
        find_site,
        mounted,
        (lambda guid: site_at(name, sql_sites(guid))) if name else sql_sites,
    )
    fhir, sql = halo_chains(runtime, upstream, client_for, extensions)
    passthrough = passthrough_chain(runtime, client_for("halo-sql"))
    counter = rejection_reports(runtime, named_sites)
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
    """Mount a further upstream below its path, and name its state after it."""
    mount = _mount_by_dialect(runtime, name, upstream)
    return mount._replace(chains=tuple(_named_chain(chain, name) for chain in mount.chains))


def _named_chain(chain: Chain, name: str) -> Chain:
    """Return a chain whose state operators see as that of a mount."""
    state = chain.upstream_handlers and replace(chain.upstream_handlers, mount=name)
    return chain._replace(upstream_handlers=state)


def _mount_by_dialect(runtime: Runtime, name: str, upstream: MountedUpstream) -> Mount:
    """Mount a further upstream: its dialect is Halo Connect, FHIR, or passed through."""
    dialect = upstream.resolved_dialect
    if dialect is HALO_CONNECT:
        return halo_mount(runtime, upstream, name)
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


def rejection_reports(runtime: Runtime, find_site: FindSite | None = None) -> Callable[..., ReportRejection]:
    """Return what makes the report of rejected requests of a mount."""
    sites = find_site or runtime.sites

    def report_for(mount_name: str = "", *, is_fhir: bool = True) -> ReportRejection:
        return rejection_report(runtime, mount_name, sites, is_fhir=is_fhir)

    return report_for


def rejection_report(
    runtime: Runtime, mount_name: str, find_site: FindSite, *, is_fhir: bool = True
) -> RejectionReport:
    """Report of the requests rejected below the path of a mounted upstream, or of Halo Connect."""
    settings = runtime.settings
    default_site = find_site((settings.server.default_site if is_fhir else None) or "")
    mounted = settings.upstreams.get(mount_name)
    return RejectionReport(
        runtime.unread,
        find_site,
        Site(mount_name, load_zone("UTC"), mount_name) if mount_name else default_site,
        is_fhir,
        mounted.resolved_dialect if mounted else HALO_CONNECT,
        str((mounted or settings.upstream).url),
        RESOURCE_TYPES_BY_VERSION[mounted.fhir_version if mounted else "4.0"],
    )


def code_system_route(runtime: Runtime, base: str = "") -> Route:
    """Route of the gateway's CodeSystem of error codes below a base."""
    logged = LoggedResponses(runtime.unread)
    interaction = Interaction("read", "CodeSystem")
    return Route(base + CODE_SYSTEM_PATH, logged.of(code_system_endpoint, interaction))


def _fhir_routes(runtime: Runtime, base: str, endpoint: Endpoint) -> list[Route]:
    """Routes of a FHIR base: the gateway's CodeSystem, and the endpoint for all other paths."""
    return [
        code_system_route(runtime, base),
        Route(base, endpoint),
        Route(base + "/{path:path}", endpoint),
    ]
