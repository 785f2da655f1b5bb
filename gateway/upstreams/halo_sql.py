"""Halo's SQL Passthrough endpoints: Halo Connect's errors, but the SQL is the client's own."""

from dataclasses import replace

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import halo_connect, halo_failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_body import int_field
from gateway.upstreams.error_rule import ErrorRule, UpstreamError
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
#: Types and codes of errors that come before the database. `mssql` and `fbsql` are the database's own, and so
#: are higher codes without a type, as older versions send them.
PRE_DATABASE_TYPES = frozenset({"", "http", "halolink"})
PRE_DATABASE_CODES = frozenset({"", "0", "1", "2", "3", "4", "5", "400"})
RESULT_TOO_LARGE = replace(
    halo_failures.RESULT_TOO_LARGE,
    text="The query ran, but its result is larger than Halo returns at once. Select less data, or send an"
    " asynchronous query.",
)
NOT_PREPARED = FailureKind(
    "sql-not-prepared",
    503,
    "transient",
    "Halo Cloud could not prepare the query, so it did not run. Send it again after the time in Retry-After.",
    retry_advice=RetryAdvice.YES,
    retry_after=10,
    may_have_run=False,
)
NOT_RUN_OFFLINE = replace(
    halo_failures.OFFLINE,
    text="The practice's server was switched off or had closed its connection to Halo, so the query did not"
    " run. Send it again after the time in Retry-After, or contact the practice.",
)
NOT_RUN_UNREACHABLE = replace(
    halo_failures.UNREACHABLE,
    text="Halo Cloud could not reach the practice, so the query did not run. Send it again after the time in"
    " Retry-After; if it happens again, the practice should check its server and network.",
)
EXPIRED_IN_QUEUE = FailureKind(
    "sql-expired-in-queue",
    503,
    "timeout",
    "The query waited in the practice's queue for its maxTimeInQueue, so it did not run. Send it again after"
    " the time in Retry-After, or with a longer maxTimeInQueue.",
    retry_advice=RetryAdvice.YES,
    retry_after=30,
    may_have_run=False,
)
RESULT_NOT_UPLOADED = FailureKind(
    "sql-result-lost",
    502,
    "exception",
    "The practice ran the query, but its result could not be uploaded and is lost. If the command changes"
    " data, the change may have been made: check it before you send the query again.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)

_STATE_RULES = tuple(
    ErrorRule("sql-state", kind, shapes={"state"}, codes={state})
    for state, kind in {
        "initialisationFailedCacheError": NOT_PREPARED,
        "initialisationFailedSiteOffline": NOT_RUN_OFFLINE,
        "initialisationFailedSiteUnreachable": NOT_RUN_UNREACHABLE,
        "expiredInQueue": EXPIRED_IN_QUEUE,
        "uploadFailed": RESULT_NOT_UPLOADED,
    }.items()
)
_CLIENT_SQL_RULES = (
    ErrorRule(
        "sql-413", RESULT_TOO_LARGE, message_pattern=r"QueryResultsTooLarge|results? (was|were) too large"
    ),
    ErrorRule("sql-413", RESULT_TOO_LARGE, status={413}),
    ErrorRule("sql-busy", halo_failures.DATABASE_BUSY, types={"mssql"}, codes={"1205", "1222"}),
    ErrorRule("sql-login", halo_failures.NOT_AUTHORISED, types={"mssql", ""}, codes={"18456"}),
    ErrorRule(
        "sql-parameter",
        PARAMETER_REFUSED,
        status={400},
        types=PRE_DATABASE_TYPES,
        codes=PRE_DATABASE_CODES,
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

#: Numbers of SQL Server's errors from which SQL can raise one itself, with a text of its choice.
_FIRST_RAISED_NUMBER = 13_000

RULES = (
    *_STATE_RULES,
    *_CLIENT_SQL_RULES,
    *halo_connect.PRACTICE_RULES,
    *_DATABASE_RULES,
    *halo_connect.HALO_LINK_RULES,
    *halo_connect.ACCESS_RULES,
    *halo_connect.REQUEST_RULES,
    *halo_connect.REACHABILITY_RULES,
)


def is_clients_text(error: UpstreamError) -> bool:
    """Whether the client's own SQL may have made up the text of an error (THROW, RAISERROR, exceptions).

    Such a text says nothing about the practice, and no search for the request's words would find it: SQL
    can put it together from parts.
    """
    if error.error_type == "fbsql":
        return True
    number = int_field(error.error_code)
    return number >= _FIRST_RAISED_NUMBER or (error.error_type == "mssql" and not error.error_code)


HALO_SQL = Dialect(
    "halo-sql",
    RULES,
    is_fhir=False,
    credentials=halo_connect.APIS["integrator"],
    apis=halo_connect.APIS,
    is_mountable=False,
    is_clients_text=is_clients_text,
)
