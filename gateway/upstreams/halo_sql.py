"""Halo's SQL Passthrough endpoints: Halo Connect's errors, but the SQL is the client's own."""

from dataclasses import replace

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import halo_connect, halo_failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_body import int_field
from gateway.upstreams.error_rule import ErrorRule, UpstreamError
from gateway.upstreams.failures import NOT_FOUND
from gateway.upstreams.halo_envelopes import HALO_ENVELOPES

QUERY_REFUSED = FailureKind(
    "sql-refused",
    400,
    "processing",
    "The practice's database refused the SQL that you sent. Correct it according to the text in diagnostics."
    " Of several statements, those before the error may have run.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
)
QUERY_BROKEN_OFF = replace(
    QUERY_REFUSED,
    text="The practice's database broke off the SQL that you sent, because a login or a connection failed,"
    " such as that to a linked server. See the text in diagnostics.",
    may_be_partial=True,
)
LOGIN_REFUSED = replace(halo_failures.NOT_AUTHORISED, may_have_run=True, may_be_partial=True)
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

_STATE_RULES = tuple(
    ErrorRule("sql-state", kind, shapes={"state"}, codes={state})
    for state, kind in {
        "initialisationFailedCacheError": NOT_PREPARED,
        "initialisationFailedSiteOffline": NOT_RUN_OFFLINE,
        "initialisationFailedSiteUnreachable": NOT_RUN_UNREACHABLE,
        "expiredInQueue": EXPIRED_IN_QUEUE,
        "uploadFailed": halo_failures.UPLOAD_FAILED,
    }.items()
)
#: Numbers of errors that conversions give (Microsoft Learn, database engine events and errors).
_CONVERSION_NUMBERS = frozenset({"241", "242", "244", "245", "248", "295", "296", "8114", "8115", "8169"})
#: Numbers of connections and logins that failed, also those of linked servers, in the middle of a batch.
_CONNECTION_NUMBERS = frozenset(
    {
        *(
            "-1",
            "0",
            "1",
            "2",
            "17",
            "20",
            "26",
            "40",
            "53",
            "64",
            "121",
            "233",
            "258",
            "1225",
            "1231",
            "1232",
            "1236",
        ),
        *("10053", "10054", "10060", "10061", "11001", "10928", "10929", "40197", "40501", "40613"),
        *("911", "916", "4060", "4064", *map(str, range(18_400, 18_500))),
        *map(str, range(7_300, 7_500)),
    }
)

_CLIENT_SQL_RULES = (
    ErrorRule(
        "sql-413", RESULT_TOO_LARGE, message_pattern=r"QueryResultsTooLarge|results? (was|were) too large"
    ),
    ErrorRule("sql-413", RESULT_TOO_LARGE, status={413}),
    ErrorRule("sql-busy", halo_failures.DATABASE_BUSY, types={"mssql"}, codes={"1205", "1222"}),
    ErrorRule("sql-timeout", halo_failures.QUERY_TIMEOUT, types={"mssql"}, codes={"-2"}),
    ErrorRule("sql-value", VALUE_REFUSED, types={"mssql"}, codes=_CONVERSION_NUMBERS),
    ErrorRule("sql-broken-off", QUERY_BROKEN_OFF, types={"mssql"}, codes=_CONNECTION_NUMBERS),
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
#: With 400 and without a type, Halo Cloud may pass on what the database said in the middle of a command.
_UNTYPED_SHAPES = frozenset({"wrapped", "flat", "outcome"})
_UNTYPED_RULES = (
    ErrorRule(
        "sql-login",
        LOGIN_REFUSED,
        status={400},
        shapes=_UNTYPED_SHAPES,
        message_pattern=halo_connect.LOGIN_FAILED,
    ),
    ErrorRule(
        "sql-broken-off",
        QUERY_BROKEN_OFF,
        status={400},
        shapes=_UNTYPED_SHAPES,
        message_pattern=halo_connect.NO_CONNECTION,
    ),
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

#: Numbers without a type that are Halo's: its codes, and statuses of HTTP. All others are SQL Server's.
_HALO_NUMBERS = frozenset({0, 1, 2, 3, 4, 5, 400, 406, 413, 500, 502, 503, 504})

#: Halo Link's errors; of SQL, none says that nothing was changed after the command had reached the database.
_HALO_LINK_RULES = tuple(
    replace(rule, kind=replace(rule.kind, refuses_change=False)) for rule in halo_connect.HALO_LINK_RULES
)
RULES = (
    *_STATE_RULES,
    *_CLIENT_SQL_RULES,
    *_UNTYPED_RULES,
    *halo_connect.PRACTICE_RULES,
    *_DATABASE_RULES,
    *_HALO_LINK_RULES,
    *halo_connect.ACCESS_RULES,
    *halo_connect.REQUEST_RULES,
    *halo_connect.REACHABILITY_RULES,
)


def error_of_clients_sql(error: UpstreamError) -> UpstreamError | None:
    """Return type and number of an error that the database gave to the client's SQL; None for all others.

    SQL may have caused it, so that it says nothing about the practice. SQL can choose its number (a lock, a
    linked server, RAISERROR) and its text, which no search for the request's words would find, because SQL
    can put it together from parts. Older versions send SQL Server's errors without a type.
    """
    is_typeless = error.shape in {"details", "root"} and not error.error_type
    is_negative = error.error_code.startswith("-")
    is_sql_server = is_typeless and (is_negative or int_field(error.error_code) not in _HALO_NUMBERS)
    if error.error_type not in {"mssql", "fbsql"} and not is_sql_server:
        return None
    return UpstreamError(error.shape, error_type=error.error_type or "mssql", error_code=error.error_code)


HALO_SQL = Dialect(
    "halo-sql",
    RULES,
    is_fhir=False,
    credentials=halo_connect.APIS["integrator"],
    apis=halo_connect.APIS,
    is_mountable=False,
    envelopes=HALO_ENVELOPES,
    success_errors="envelopes",
    error_of_clients_sql=error_of_clients_sql,
)
