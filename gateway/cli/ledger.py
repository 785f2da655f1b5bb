"""`halo-gateway ledger`: billed and saved queries, from the ledger's file or the replicas' Redis."""

import sqlite3
from datetime import date

from gateway.builders import ledger_url
from gateway.ledger import redis_ledger, sqlite_ledger
from gateway.ledger.cost import LedgerRow
from gateway.ledger.report import as_csv, as_table
from gateway.settings import Settings


def ledger_report(settings: Settings, site: str = "", since: date | None = None, *, csv: bool = False) -> str:
    """Return the ledger as a table, or all rows as CSV, even while gateways write to it.

    `site` is a Halo GUID or an alias. Raises ValueError if the file is not a ledger, if Redis is unavailable,
    and if the settings have no ledger.
    """
    aliases = {
        guid: site_settings.name for guid, site_settings in settings.sites.items() if site_settings.name
    }
    site_guid = next((guid for guid, alias in aliases.items() if alias == site), site.lower())
    rows = _read_rows(settings, site_guid, since.isoformat() if since else "")
    return as_csv(rows, aliases).rstrip() if csv else as_table(rows, aliases)


def _read_rows(settings: Settings, guid: str, since: str) -> list[LedgerRow]:
    url, path = ledger_url(settings), settings.ledger.path
    try:
        if url:
            return redis_ledger.read_rows(url, guid, since)
        if path:
            return sqlite_ledger.read_rows(path, guid, since)
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be read as a ledger: {error}") from None
    except ConnectionError as error:
        raise ValueError(f"the Redis of cache.redis.url is unavailable: {error}") from None
    raise ValueError("no ledger is stored: set ledger.path")
