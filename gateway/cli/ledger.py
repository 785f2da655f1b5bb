"""`halo-gateway ledger`: what was paid and what was saved, from the ledger's file or that of all replicas."""

import sqlite3
from datetime import date

from gateway.builders import ledger_url
from gateway.ledger import redis_ledger, sqlite_ledger
from gateway.ledger.cost import LedgerRow
from gateway.ledger.report import as_csv, as_table
from gateway.settings import Settings


def ledger_report(settings: Settings, site: str = "", since: date | None = None, *, csv: bool = False) -> str:
    """The ledger as a table, or every row as CSV.

    `site` is a Halo GUID or an alias. Reads beside running gateways. Raises ValueError for a file that is
    none, for a Redis that is away, and where nothing is kept.
    """
    names = {guid: each.name for guid, each in settings.sites.items() if each.name}
    guid = next((each for each, name in names.items() if name == site), site.lower())
    rows = _read_rows(settings, guid, since.isoformat() if since else "")
    return as_csv(rows, names).rstrip() if csv else as_table(rows, names)


def _read_rows(settings: Settings, guid: str, since: str) -> list[LedgerRow]:
    url, path = ledger_url(settings), settings.ledger.path
    try:
        if url:
            return redis_ledger.read_rows(url, guid, since)
        if path:
            return sqlite_ledger.read_rows(path, guid, since)
    except sqlite3.Error as problem:
        raise ValueError(f"{path} cannot be read as a ledger: {problem}") from None
    except ConnectionError as problem:
        raise ValueError(f"the Redis of cache.redis.url does not answer: {problem}") from None
    raise ValueError("set ledger.path: without it nothing is kept")
