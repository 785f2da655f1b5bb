"""Halo's SQL Passthrough endpoints: Halo Connect's errors, but here the SQL is the client's own."""

from dataclasses import replace

from gateway.errors.failure import Kind, Repeat
from gateway.upstreams import halo_connect, halo_failures
from gateway.upstreams.error_rule import Row
from gateway.upstreams.failures import NOT_FOUND

QUERY_REFUSED = Kind(
    "sql-refused",
    400,
    "processing",
    "The practice's database refused the SQL you sent. Correct it by the words in diagnostics.",
    repeat=Repeat.AFTER_CHANGE,
)
VALUE_REFUSED = Kind(
    "sql-value",
    400,
    "value",
    "A value of the SQL query cannot be converted to its type. Correct it, or declare it in the SQL itself.",
    repeat=Repeat.AFTER_CHANGE,
)
RESULT_TOO_LARGE = replace(
    halo_failures.RESULT_TOO_LARGE,
    text="The result is larger than Halo returns at once. Select less, or send it as an asynchronous query.",
)

_CLIENTS_OWN = (
    Row("sql-413", RESULT_TOO_LARGE, says=r"QueryResultsTooLarge|results? (was|were) too large"),
    Row("sql-413", RESULT_TOO_LARGE, status={413}),
    Row("sql-busy", halo_failures.DATABASE_BUSY, types={"mssql"}, codes={"1205", "1222"}),
    Row("sql-value", VALUE_REFUSED, says=r"failed to convert parameter|\bconversion (failed|error|of)\b"),
    Row("sql-refused", QUERY_REFUSED, says=r"SQL query string cannot be"),
)
_REFUSED = (
    Row("sql-refused", QUERY_REFUSED, types={"mssql", "fbsql"}),
    Row(
        "sql-404",
        NOT_FOUND,
        status={404},
        shapes={"wrapped", "flat", "message"},
        says=r"cannot find|not found",
    ),
)

ROWS = (
    *_CLIENTS_OWN,
    *halo_connect.PRACTICE,
    *_REFUSED,
    *halo_connect.HALO_LINK,
    *halo_connect.REFUSED,
    *halo_connect.REQUEST,
    *halo_connect.REACH,
)
