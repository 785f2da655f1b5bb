"""Gateway with only the parts of the ledger: `python ledger_gateway.py UPSTREAM LEDGER` serves it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.ledger import LedgerEndpoints
from gateway.admin.requests import SiteNames
from gateway.emulator.sites import SITES
from gateway.exchange import Handler
from gateway.http.proved_callers import ProvedCallers
from gateway.ledger.caps import DailyCap
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.ledger import Ledger
from gateway.ledger.metering import SavingsMeter, UpstreamMeter
from gateway.ledger.names import ConfiguredNames, LedgerNames
from gateway.ledger.recorder import Recorder
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.paging.page_links import PageLinks
from gateway.paging.page_token import TokenCipher
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.search.executor import SearchExecutor
from gateway.server.serve import Server
from gateway.settings import SearchSupport, Settings, SiteSettings
from gateway.settings.resolve import ConfiguredSites
from gateway.telemetry.log_config import configure_logging
from gateway.telemetry.metrics import Metrics
from gateway.upstream_routes import OTHER_PATHS, SQL_PATHS
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.direct_transport import DirectTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import ErrorHandler
from gateway.web.request_reader import RequestReader

#: This is a program: it cannot import tests/support.
PROBED = SearchSupport(column_time_zones={"*.*": "site"}, date_precision={"*.*": "frac"})
TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
NAMES = {guid: site.name for guid, site in SITES.items()}


def settings_for(upstream: str) -> Settings:
    sites = {
        guid: SiteSettings(name=site.city, time_zone=site.zone.key, search=PROBED)
        for guid, site in SITES.items()
    }
    return Settings.model_validate({"upstream": {"url": upstream}, "sites": sites})


def ledger_gateway(settings: Settings, ledger: Ledger, cap: DailyCap | None = None) -> Starlette:
    """Handlers as in `gateway/chain.py`, without a cache."""
    sites, metrics, daily_usage = ConfiguredSites(settings), Metrics(), DailyUsage(lambda _: cap)
    ledger.set_usage_listener(lambda usage: daily_usage.update_from_ledger(usage, datetime.now(UTC)))
    names = LedgerNames(ProvedCallers(monotonic), ConfiguredNames({}, settings.sites))
    recorder = Recorder(ledger, daily_usage, metrics, names, site_of=sites)
    reader = RequestReader(settings, sites)
    pool = DirectTransport(
        limits=httpx.Limits(max_connections=20), timeout=httpx.Timeout(2), max_body=9_000_000
    )

    def metered_client(dialect: str) -> Handler:
        return UpstreamMeter(UpstreamClient(pool, DIALECTS[dialect], lambda: datetime.now(UTC)), recorder)

    def with_metering(inner: Handler) -> Handler:
        return ErrorHandler(SavingsMeter(inner, recorder))

    searches = SearchExecutor(ResponseRepairs(metered_client("halo-connect"), REPAIRS), 5)
    handler = PageLinks(RequestRepairs(searches, REPAIRS), TokenCipher(["synthetic"]), timedelta(hours=1))
    sql_handler = with_metering(metered_client("halo-sql"))
    fhir_endpoint, passthrough_endpoint, sql_endpoint = (
        Endpoint(reader.read_fhir, with_metering(handler)),
        Endpoint(reader.read_passthrough, sql_handler),
        Endpoint(reader.read_sql, sql_handler),
    )
    endpoints = LedgerEndpoints(
        ledger.rows,
        lambda: daily_usage.cap_statuses(datetime.now(UTC)),
        SiteNames(NAMES),
        lambda: datetime.now(UTC),
    )
    admin = AdminEndpoints(TOKEN, [endpoints])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        ledger.open()
        yield
        await pool.aclose()
        recorder.count_unfinished()
        ledger.close()

    return Starlette(
        routes=[
            Route("/integrator/sites/{siteId}/fhir/R4/{path:path}", fhir_endpoint),
            *(Route(path, passthrough_endpoint) for path in OTHER_PATHS),
            *(Route(path, sql_endpoint) for path in SQL_PATHS),
            Route("/metrics", metrics.endpoint),
            *admin.shared_port_routes(),
        ],
        lifespan=lifespan,
    )


if __name__ == "__main__":
    configure_logging("error")
    upstream, path = sys.argv[1:]
    Server(
        ledger_gateway(settings_for(upstream), Ledger(SqliteLedger(Path(path)))),
        "127.0.0.1",
        0,
        "listening on",
    ).run()
