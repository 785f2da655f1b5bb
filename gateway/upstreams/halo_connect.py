"""Halo Connect: Halo Cloud, its API management, Halo Link, and the practice's database behind them.

Row ids are stable names of what the troubleshooting guides and the OpenAPI file describe. Halo Link's errors
arrive as 400 or, from older versions, inside 200; four different 403s and two 401s differ by text only.
"""

from gateway.upstreams import failures, halo_failures
from gateway.upstreams import halo_failures as refusals
from gateway.upstreams.error_rule import Row
from gateway.upstreams.searchset_outcomes import UNSUPPORTED
from gateway.upstreams.status_rules import KNOWN_SHAPES

_LINK = frozenset({"halolink", ""})
_ENVELOPES = frozenset({"details", "root"})
_UNDER = frozenset({200, 201, 202, 400})
_JSON = KNOWN_SHAPES - {"html", "text"}

#: What the practice or its database says, under any status: more telling than the status.
PRACTICE = (
    Row("halo-400-login", refusals.NOT_AUTHORISED, says=r"login failed for user"),
    Row(
        "halo-link-1-connect",
        halo_failures.DATABASE_DOWN,
        says=r"establishing a connection to SQL Server|network-related or instance-specific",
    ),
    Row("halo-sql-busy", halo_failures.DATABASE_BUSY, says=r"\bdeadlock(ed)?\b|lock request time ?out"),
    Row("halo-sql-busy", halo_failures.DATABASE_BUSY, types={"mssql"}, codes={"1205", "1222"}),
    Row("halo-sql-timeout", halo_failures.QUERY_TIMEOUT, says=r"execution timeout expired"),
    Row(
        "halo-413", halo_failures.RESULT_TOO_LARGE, says=r"QueryResultsTooLarge|results? (was|were) too large"
    ),
)

HALO_LINK = (
    Row(
        "halo-link-0",
        halo_failures.CONNECTION_LOST,
        says=r"ClientConnectionFailure|client connection was unexpectedly",
    ),
    Row("halo-link-0", halo_failures.CONNECTION_LOST, types={"http"}, codes={"0"}, status=_UNDER),
    Row(
        "halo-link-0",
        halo_failures.CONNECTION_LOST,
        types=_LINK,
        codes={"0"},
        status=_UNDER,
        shapes=_ENVELOPES,
    ),
    Row("halo-link-1-other", halo_failures.QUERY_FAILED, says=r"SqlExecutionFailed"),
    Row("halo-link-1-other", halo_failures.QUERY_FAILED, types=_LINK, codes={"1"}, shapes=_ENVELOPES),
    Row(
        "halo-link-2-convert",
        halo_failures.VALUE_UNREADABLE,
        types=_LINK,
        codes={"2"},
        says=r"conver(t|sion)",
    ),
    Row(
        "halo-link-2-convert",
        halo_failures.VALUE_UNREADABLE,
        status=_UNDER,
        says=r"\bconversion (failed|of)\b",
    ),
    Row(
        "halo-link-2-upload",
        halo_failures.RESULT_LOST,
        says=r"PrepForUploadFailed|error occurred preparing it (for upload|to be uploaded)",
    ),
    Row("halo-link-2-upload", halo_failures.RESULT_LOST, types=_LINK, codes={"2"}, shapes=_ENVELOPES),
    Row("halo-link-3", halo_failures.QUERY_ORPHANED, says=r"QueryOrphaned|query was orphaned"),
    Row("halo-link-3", halo_failures.QUERY_ORPHANED, types=_LINK, codes={"3"}, shapes=_ENVELOPES),
    Row(
        "halo-link-4",
        halo_failures.QUERY_INCOMPLETE,
        says=r"QueryMissingProperties|query (is )?missing properties",
    ),
    Row("halo-link-4", halo_failures.QUERY_INCOMPLETE, types=_LINK, codes={"4"}, shapes=_ENVELOPES),
    Row("halo-link-5", halo_failures.UPLOAD_FAILED, says=r"QueryUploadFailed|status code PreconditionFailed"),
    Row("halo-link-5", halo_failures.UPLOAD_FAILED, types=_LINK, codes={"5"}, shapes=_ENVELOPES),
)

DATABASE = (
    Row("halo-400-mssql", halo_failures.QUERY_FAILED, types={"mssql", "fbsql"}),
    Row("halo-400-mssql", halo_failures.QUERY_FAILED, status=_UNDER, shapes={"root"}),
    Row(
        "halo-400-mssql",
        halo_failures.QUERY_FAILED,
        status=_UNDER,
        says=r"invalid (column|object) name|could not find stored procedure|incorrect syntax near",
    ),
)

REFUSED = (
    Row(
        "halo-401-key",
        failures.CREDENTIALS,
        status={401, 403},
        says=r"SubscriptionKey(Invalid|NotFound)|subscription key",
        own=failures.OWN_CREDENTIALS,
    ),
    Row(
        "halo-401-token",
        failures.CREDENTIALS,
        status={401},
        says=r"\b(token|jwt)\b|session.*expired",
        own=failures.OWN_CREDENTIALS,
    ),
    Row("halo-401-guid", refusals.SITE_UNKNOWN, status={401}, shapes=_JSON),
    Row(
        "halo-403-ip",
        refusals.IP_BLOCKED,
        status={403},
        says=r"CallerIpNotAllowed|caller ip address",
        own=refusals.OWN_IP_BLOCKED,
    ),
    Row("halo-403-dev", refusals.DEVELOPER_LICENCE, status={403}, says=r"developer (site|licen[cs]e)"),
    Row("halo-403-nonauth", refusals.NOT_AUTHORITATIVE, status={403}, says=r"authoritative"),
    Row("halo-403-quota", refusals.QUOTA, status={403, 429}, says=r"\bquota\b"),
    Row("halo-403-other", failures.FORBIDDEN, status={403}),
)

REQUEST = (
    Row(
        "halo-400-missing-param",
        refusals.REQUEST_INCOMPLETE,
        status={400},
        says=r"required parameter|must be provided",
    ),
    Row(
        "halo-400-parameter",
        failures.PARAMETER_UNKNOWN,
        status={400},
        shapes={"outcome"},
        says=UNSUPPORTED,
    ),
    Row("halo-400-oo", refusals.REQUEST_REFUSED, status={400}, shapes={"outcome"}, relays=True),
    Row("halo-400-other", failures.BAD_REQUEST, status={400}, shapes=KNOWN_SHAPES),
    Row(
        "halo-404-op",
        refusals.OPERATION_UNKNOWN,
        status={404},
        says=r"OperationNotFound|unable to match incoming request",
    ),
    Row("halo-404-fhir", failures.NOT_FOUND, status={404}, shapes={"outcome"}),
    Row("halo-406", halo_failures.RESULT_LOST, status={406}),
    Row("halo-413", halo_failures.RESULT_TOO_LARGE, status={413}),
)

REACH = (
    Row("halo-502-practice", halo_failures.BAD_RESULT, status={502}, says=r"unexpected result code"),
    Row("halo-504-offline", halo_failures.OFFLINE, status={503, 504}, says=r"site is offline"),
    Row(
        "halo-504-unreachable",
        halo_failures.UNREACHABLE_FOR_LONG,
        status={503, 504},
        says=r"currently unreachable",
    ),
    Row(
        "halo-503", halo_failures.UNREACHABLE, status={503, 504}, says=r"site (could not|cannot) be contacted"
    ),
    Row("halo-504-30s", halo_failures.QUERY_TIMEOUT, status={504}, says=r"more than \d+ seconds"),
)

ROWS = PRACTICE + HALO_LINK + DATABASE + REFUSED + REQUEST + REACH
