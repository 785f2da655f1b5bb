"""`halo-gateway ledger`: billed and saved queries, from the ledger's file or the replicas' Redis."""

import sqlite3
from datetime import date
from typing import NamedTuple

from gateway.app_builders import prices_of
from gateway.cli.site_names import require_served, require_site_key
from gateway.ledger import redis_reader, sqlite_reader
from gateway.ledger.app_report import PERIODS, apps_as_table, charge_back_csv
from gateway.ledger.cost import LedgerRow
from gateway.ledger.prices import Prices
from gateway.ledger.report import SiteNames, as_csv, as_table
from gateway.settings import Settings
from gateway.sites.mounted_names import guid_in
from gateway.store_builders import ledger_url


class ReportForm(NamedTuple):
    """Form of a report: CSV or a table, and whether by app; `period` of the rows of CSV by app."""

    csv: bool = False
    by_app: bool = False
    period: str = PERIODS[0]


TABLE = ReportForm()


def ledger_report(
    settings: Settings, site: str = "", since: date | None = None, form: ReportForm = TABLE
) -> str:
    """Return the ledger as a table, or all rows as CSV, even while gateways write to it.

    `site` is a name as at `/admin/ledger`. Raises ValueError for any other, if the file is not a ledger, if
    Redis is unavailable, and if the settings have no ledger.
    """
    aliases = {
        guid: site_settings.name for guid, site_settings in settings.sites.items() if site_settings.name
    }
    guid = guid_in(require_site_key(settings, site)) if site else ""
    rows = _read_rows(settings, guid, since.isoformat() if since else "", by_app=form.by_app)
    if guid and not rows:
        require_served(settings, guid)
    if form.by_app:
        return _report_by_app(rows, aliases, prices_of(settings), form)
    return as_csv(rows, aliases).rstrip() if form.csv else as_table(rows, aliases)


def _report_by_app(rows: list[LedgerRow], aliases: SiteNames, prices: Prices, form: ReportForm) -> str:
    if form.csv:
        return charge_back_csv(rows, aliases, prices, form.period).rstrip()
    return apps_as_table(rows, prices)


def _read_rows(settings: Settings, guid: str, since: str, *, by_app: bool) -> list[LedgerRow]:
    url, path = ledger_url(settings), settings.ledger.path
    try:
        if url:
            read_redis = redis_reader.read_rows_by_app if by_app else redis_reader.read_rows
            return read_redis(url, guid, since)
        if path:
            read_file = sqlite_reader.read_rows_by_app if by_app else sqlite_reader.read_rows
            return read_file(path, guid, since)
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be read as a ledger: {error}") from None
    except ConnectionError as error:
        raise ValueError(f"the Redis of cache.redis.url is unavailable: {error}") from None
    raise ValueError("no ledger is stored: set ledger.path")
