"""Halo's SQL Passthrough endpoints: Halo Connect's errors, but the SQL is the client's own."""

from dataclasses import replace

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import halo_connect, halo_failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.failures import NOT_FOUND

QUERY_REFUSED = FailureKind(
    "sql-refused",
    400,
    "processing",
    "The practice's database refused the SQL that you sent. Correct it according to the text in diagnostics.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
VALUE_REFUSED = FailureKind(
    "sql-value",
    400,
    "value",
    "A value of the SQL query cannot be converted to its type. Correct the value, or declare its type in the"
    " SQL.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
PARAMETER_REFUSED = FailureKind(
    "sql-parameter",
    400,
    "value",
    "The practice's system cannot convert a parameter of the stored procedure, so the database did not get"
    " the command. Declare the parameter in SQL text, or let the gateway do so (sql-parameter-conversion).",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
#: Types of errors that come before the database; `mssql` and `fbsql` are the database's own.
PRE_DATABASE_TYPES = frozenset({"", "http", "halolink"})
RESULT_TOO_LARGE = replace(
    halo_failures.RESULT_TOO_LARGE,
    text="The query ran, but its result is larger than Halo returns at once. Select less data, or send an"
    " asynchronous query.",
)

_CLIENT_SQL_RULES = (
    ErrorRule(
        "sql-413", RESULT_TOO_LARGE, message_pattern=r"QueryResultsTooLarge|results? (was|were) too large"
    ),
    ErrorRule("sql-413", RESULT_TOO_LARGE, status={413}),
    ErrorRule("sql-busy", halo_failures.DATABASE_BUSY, types={"mssql"}, codes={"1205", "1222"}),
    ErrorRule(
        "sql-parameter",
        PARAMETER_REFUSED,
        status={400},
        types=PRE_DATABASE_TYPES,
        message_pattern=r"\bfailed to convert \S+ \S+ from a \S+ to a byte",
    ),
    ErrorRule(
        "sql-value",
        VALUE_REFUSED,
        message_pattern=r"failed to convert parameter|\bconversion (failed|error|of)\b",
    ),
    ErrorRule("sql-refused", QUERY_REFUSED, message_pattern=r"SQL query string cannot be"),
)
_DATABASE_RULES = (
    ErrorRule("sql-refused", QUERY_REFUSED, types={"mssql", "fbsql"}),
    ErrorRule(
        "sql-404",
        NOT_FOUND,
        status={404},
        shapes={"wrapped", "flat", "message"},
        message_pattern=r"cannot find|not found",
    ),
)

RULES = (
    *_CLIENT_SQL_RULES,
    *halo_connect.PRACTICE_RULES,
    *_DATABASE_RULES,
    *halo_connect.HALO_LINK_RULES,
    *halo_connect.ACCESS_RULES,
    *halo_connect.REQUEST_RULES,
    *halo_connect.REACHABILITY_RULES,
)

HALO_SQL = Dialect(
    "halo-sql",
    RULES,
    is_fhir=False,
    credentials=halo_connect.APIS["integrator"],
    apis=halo_connect.APIS,
    is_mountable=False,
)
