"""`halo-gateway ledger`: what was paid and what was saved, from the ledger's file."""

import sqlite3
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from gateway.core.statement import as_csv, as_table
from gateway.stores.ledger import read


def report(
    path: Path,
    site: str = "",
    since: date | None = None,
    *,
    csv: bool = False,
    names: Mapping[str, str] | None = None,
) -> str:
    """The ledger as a table, or every row as CSV.

    `site` is a Halo GUID or an alias; `names` leads from GUID to alias. Reads beside a running
    gateway. Raises ValueError for a file that is none.
    """
    known = names or {}
    guid = next((each for each, name in known.items() if name == site), site.lower())
    try:
        rows = read(path, guid, since.isoformat() if since else "")
    except sqlite3.Error as problem:
        raise ValueError(f"{path} cannot be read as a ledger: {problem}") from None
    return as_csv(rows, known).rstrip() if csv else as_table(rows, known)
