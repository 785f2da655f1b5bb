"""Files of a ledger whose reads end only if something ends them."""

import sqlite3
from contextlib import closing
from pathlib import Path

_ENDLESS_VIEW = """
CREATE VIEW {} AS WITH RECURSIVE number(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number)
SELECT CAST(value AS TEXT) AS day, '' AS site, '' AS caller, '' AS type, '' AS interaction, 'free' AS class,
0 AS queries, 0 AS bytes, '' AS app FROM number WHERE value < 0
"""


def make_reads_endless(path: Path, table: str = "ledger") -> None:
    """Make a file whose table is a view that is never read to its end."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute(_ENDLESS_VIEW.format(table))
        file.commit()
