"""A gateway with nothing but what the ledger needs: `python ledgered.py UPSTREAM LEDGER` serves it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.admin.endpoints import Admin
from gateway.admin.ledger import LedgerPages
from gateway.admin.requests import Names
from gateway.app import OTHER_PATHS
from gateway.emulator.sites import SITES
from gateway.exchange import Handler
from gateway.ledger.caps import Cap
from gateway.ledger.daily_usage import DailyUse
from gateway.ledger.ledger import Ledger
from gateway.ledger.metering import Counted, Credited
from gateway.ledger.recorder import Recorder
from gateway.ledger.sqlite_ledger import LedgerFile
from gateway.paging.page_links import Paged
from gateway.paging.page_token import Seal
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import Normalised, Repaired
from gateway.search.executor import Gathered
from gateway.server.serve import Serving
from gateway.settings import Settings, SiteSettings
from gateway.settings.resolve import Sites
from gateway.telemetry.log_config import configure
from gateway.telemetry.metrics import Metrics
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import Upstream
from gateway.upstreams.transport import PooledTransport
from gateway.web.endpoint import Endpoint
from gateway.web.errors import Answered
from gateway.web.request_reader import Incoming

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
NAMES = {guid: site.name for guid, site in SITES.items()}


def settings_for(upstream: str) -> Settings:
    sites = {guid: SiteSettings(name=site.city, time_zone=site.zone.key) for guid, site in SITES.items()}
    return Settings.model_validate({"upstream": {"url": upstream}, "sites": sites})


def ledgered(settings: Settings, ledger: Ledger, cap: Cap | None = None) -> Starlette:
    """The wiring as `gateway/app.py` has it, without a cache."""
    sites, metrics, use = Sites(settings), Metrics(), DailyUse(lambda _: cap)
    ledger.watch(lambda others: use.told(others, datetime.now(UTC)))
    recorder = Recorder(ledger, use, metrics, sites=sites)
    incoming = Incoming(settings, sites)
    pool = PooledTransport(
        limits=httpx.Limits(max_connections=20), timeout=httpx.Timeout(2), max_body=9_000_000
    )

    def asking(dialect: str) -> Handler:
        return Counted(Upstream(pool, DIALECTS[dialect], lambda: datetime.now(UTC)), recorder)

    def around(inner: Handler) -> Handler:
        return Answered(Credited(inner, recorder))

    gathered = Gathered(Repaired(asking("halo-connect"), REPAIRS), 5)
    paged = Paged(Normalised(gathered, REPAIRS), Seal(["synthetic"]), timedelta(hours=1))
    fhir, other = Endpoint(incoming.fhir, around(paged)), Endpoint(incoming.other, around(asking("halo-sql")))
    pages = LedgerPages(
        ledger.rows, lambda: use.standings(datetime.now(UTC)), Names(NAMES), lambda: datetime.now(UTC)
    )
    admin = Admin(TOKEN, [pages])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        ledger.open()
        yield
        await pool.aclose()
        recorder.settle()
        ledger.close()

    return Starlette(
        routes=[
            Route("/integrator/sites/{siteId}/fhir/R4/{path:path}", fhir),
            *(Route(each, other) for each in OTHER_PATHS),
            Route("/metrics", metrics.endpoint),
            *admin.routes(),
        ],
        lifespan=lifespan,
    )


if __name__ == "__main__":
    configure("error")
    upstream, path = sys.argv[1:]
    Serving(
        ledgered(settings_for(upstream), Ledger(LedgerFile(Path(path)))), "127.0.0.1", 0, "listening on"
    ).run()
