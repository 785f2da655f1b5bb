"""`/admin/ledger`: what was paid and what was saved, as JSON or CSV."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.admin.endpoints import Pages
from gateway.admin.requests import PRIVATE, Names, bad, parameters, shown
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.ledger.caps import share
from gateway.ledger.cost import Row
from gateway.ledger.daily_usage import Standing
from gateway.ledger.report import as_csv, as_json

_FORMATS = ("json", "csv")
Rows = Callable[[str, str], list[Row]]


@dataclass(frozen=True, slots=True)
class LedgerPages:
    """`rows` reads the ledger by site GUID and ISO day (either may be empty)."""

    rows: Rows
    standings: Callable[[], list[Standing]]
    names: Names
    now: Callable[[], datetime]

    def pages(self) -> Pages:
        """The endpoints."""
        return {("GET", "/admin/ledger"): self.ledger}

    async def ledger(self, request: Request) -> Response:
        """The rows, by site and since a day. Raises Failure 400."""
        site, since, shape = _asked(request)
        rows = await run_in_threadpool(_read, self.rows, self.names.guid(site), since)
        aliases = self.names.aliases
        if shape == "csv":
            return PlainTextResponse(as_csv(rows, aliases), headers=PRIVATE, media_type="text/csv")
        now = self.now()
        caps = [_standing(each) for each in self.standings() if site in {"", each.site, each.name}]
        return shown({**as_json(rows, aliases, now), "caps": caps}, now)


def _read(rows: Rows, guid: str, since: str) -> list[Row]:
    """The ledger's rows. Raises Failure 503 where the disk or Redis does not give them."""
    try:
        return rows(guid, since)
    except (ConnectionError, sqlite3.Error):
        text = "The ledger cannot be read now, and /readyz says why: try again."
        raise Failure(catalog.OVERLOADED, text=text) from None


def _asked(request: Request) -> tuple[str, str, str]:
    """Site, since and format. Raises Failure 400."""
    given = parameters(request, ("site", "since", "format"))
    since, shape = given.get("since", ""), given.get("format", "json")
    if shape not in _FORMATS:
        raise bad("format is json or csv.", "http.format")
    with suppress(ValueError):
        return given.get("site", ""), since and date.fromisoformat(since).isoformat(), shape
    raise bad("since is a day, written like 2026-07-01.", "http.since")


def _standing(each: Standing) -> dict[str, Any]:
    return {
        "site": each.site,
        "name": each.name,
        "queries": {"used": each.use.queries, "cap": each.cap.queries},
        "bytes": {"used": each.use.octets, "cap": each.cap.octets},
        "usedShare": round(share(each.cap, each.use), 4),
        "stopsBatch": each.cap.stops_batch,
        "reachedInHour": each.hour.isoformat() if each.hour else None,
    }
