"""Halo Connect: Halo Cloud, its API management, Halo Link, and the practice's database behind them.

Rule ids are stable names of the errors in the troubleshooting guides and the OpenAPI file. Halo Link's errors
arrive as 400 or, from older versions, inside 200; four different 403s and two 401s differ by text only.
"""

from gateway.upstreams import failures, halo_failures
from gateway.upstreams.dialect import CredentialScheme, Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.halo_envelopes import HALO_ENVELOPES
from gateway.upstreams.searchset_outcomes import UNSUPPORTED_PARAMETER
from gateway.upstreams.status_rules import KNOWN_SHAPES

_HALO_LINK_TYPES = frozenset({"halolink", ""})
_QUERY_ERROR_SHAPES = frozenset({"details", "root"})
_HALO_LINK_STATUSES = frozenset({200, 201, 202, 400})
_JSON_SHAPES = KNOWN_SHAPES - {"html", "text"}
#: Statuses and shapes under which Halo Cloud passes on what the practice or its database said.
_PRACTICE_STATUSES = _HALO_LINK_STATUSES | {500}
_PRACTICE_SHAPES = frozenset({"details", "root", "outcome", "wrapped", "flat"})

#: Patterns of the practice's words, when Halo Link gets no login or no connection to the database.
LOGIN_FAILED = r"login failed for user"
NO_CONNECTION = (
    r"^(\w+ )?(an? )?(error occurr?ed while establishing a connection to SQL Server"
    r"|network-related or instance-specific)"
)

PRACTICE_RULES = (
    ErrorRule(
        "halo-400-login",
        halo_failures.NOT_AUTHORISED,
        status=_PRACTICE_STATUSES,
        shapes=_PRACTICE_SHAPES,
        message_pattern=LOGIN_FAILED,
    ),
    ErrorRule(
        "halo-link-1-connect",
        halo_failures.DATABASE_DOWN,
        status=_PRACTICE_STATUSES,
        shapes=_PRACTICE_SHAPES,
        message_pattern=NO_CONNECTION,
    ),
    ErrorRule(
        "halo-sql-busy",
        halo_failures.DATABASE_BUSY,
        status=_PRACTICE_STATUSES,
        shapes=_PRACTICE_SHAPES,
        message_pattern=r"\bdeadlock(ed)?\b|lock request time ?out",
    ),
    ErrorRule("halo-sql-busy", halo_failures.DATABASE_BUSY, types={"mssql"}, codes={"1205", "1222"}),
    ErrorRule(
        "halo-sql-timeout",
        halo_failures.QUERY_TIMEOUT,
        status=_PRACTICE_STATUSES,
        shapes=_PRACTICE_SHAPES,
        message_pattern=r"execution timeout expired",
    ),
    ErrorRule(
        "halo-413",
        halo_failures.RESULT_TOO_LARGE,
        status={413},
        message_pattern=r"QueryResultsTooLarge|results? (was|were) too large",
    ),
)

HALO_LINK_RULES = (
    ErrorRule(
        "halo-link-0",
        halo_failures.CONNECTION_LOST,
        message_pattern=r"ClientConnectionFailure|client connection was unexpectedly",
    ),
    ErrorRule(
        "halo-link-0", halo_failures.CONNECTION_LOST, types={"http"}, codes={"0"}, status=_HALO_LINK_STATUSES
    ),
    ErrorRule(
        "halo-link-0",
        halo_failures.CONNECTION_LOST,
        types=_HALO_LINK_TYPES,
        codes={"0"},
        status=_HALO_LINK_STATUSES,
        shapes=_QUERY_ERROR_SHAPES,
    ),
    ErrorRule("halo-link-1-other", halo_failures.QUERY_FAILED, message_pattern=r"SqlExecutionFailed"),
    ErrorRule(
        "halo-link-1-other",
        halo_failures.QUERY_FAILED,
        types=_HALO_LINK_TYPES,
        codes={"1"},
        shapes=_QUERY_ERROR_SHAPES,
    ),
    ErrorRule(
        "halo-link-2-convert",
        halo_failures.VALUE_UNREADABLE,
        types=_HALO_LINK_TYPES,
        codes={"2"},
        message_pattern=r"conver(t|sion)",
    ),
    ErrorRule(
        "halo-link-2-convert",
        halo_failures.VALUE_UNREADABLE,
        status=_HALO_LINK_STATUSES,
        message_pattern=r"\bconversion (failed|of)\b",
    ),
    ErrorRule(
        "halo-link-2-upload",
        halo_failures.RESULT_LOST,
        message_pattern=r"PrepForUploadFailed|error occurred preparing it (for upload|to be uploaded)",
    ),
    ErrorRule(
        "halo-link-2-upload",
        halo_failures.RESULT_LOST,
        types=_HALO_LINK_TYPES,
        codes={"2"},
        shapes=_QUERY_ERROR_SHAPES,
    ),
    ErrorRule(
        "halo-link-3", halo_failures.QUERY_ORPHANED, message_pattern=r"QueryOrphaned|query was orphaned"
    ),
    ErrorRule(
        "halo-link-3",
        halo_failures.QUERY_ORPHANED,
        types=_HALO_LINK_TYPES,
        codes={"3"},
        shapes=_QUERY_ERROR_SHAPES,
    ),
    ErrorRule(
        "halo-link-4",
        halo_failures.QUERY_INCOMPLETE,
        message_pattern=r"QueryMissingProperties|query (is )?missing properties",
    ),
    ErrorRule(
        "halo-link-4",
        halo_failures.QUERY_INCOMPLETE,
        types=_HALO_LINK_TYPES,
        codes={"4"},
        shapes=_QUERY_ERROR_SHAPES,
    ),
    ErrorRule(
        "halo-link-5",
        halo_failures.UPLOAD_FAILED,
        message_pattern=r"QueryUploadFailed|status code PreconditionFailed",
    ),
    ErrorRule(
        "halo-link-5",
        halo_failures.UPLOAD_FAILED,
        types=_HALO_LINK_TYPES,
        codes={"5"},
        shapes=_QUERY_ERROR_SHAPES,
    ),
)

DATABASE_RULES = (
    ErrorRule("halo-400-mssql", halo_failures.QUERY_FAILED, types={"mssql", "fbsql"}),
    # The FHIR engine's words about a body, in the form in which older engines report database errors.
    ErrorRule(
        "halo-200-content",
        failures.BAD_REQUEST,
        status=_HALO_LINK_STATUSES,
        shapes={"root"},
        message_pattern=r"^Type checking the data|^A resource of type \S+ is expected",
    ),
    ErrorRule("halo-400-mssql", halo_failures.QUERY_FAILED, status=_HALO_LINK_STATUSES, shapes={"root"}),
    ErrorRule(
        "halo-400-mssql",
        halo_failures.QUERY_FAILED,
        status=_HALO_LINK_STATUSES,
        message_pattern=r"invalid (column|object) name|could not find stored procedure|incorrect syntax near",
    ),
)

ACCESS_RULES = (
    ErrorRule(
        "halo-401-key",
        failures.CREDENTIALS_INVALID,
        status={401, 403},
        message_pattern=r"SubscriptionKey(Invalid|NotFound)|subscription key",
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    ErrorRule(
        "halo-401-token",
        failures.CREDENTIALS_INVALID,
        status={401},
        message_pattern=r"\b(token|jwt)\b|session.*expired",
        own_credentials_kind=failures.GATEWAY_CREDENTIALS_INVALID,
    ),
    ErrorRule("halo-401-guid", halo_failures.SITE_UNKNOWN, status={401}, shapes=_JSON_SHAPES),
    ErrorRule(
        "halo-403-ip",
        halo_failures.IP_BLOCKED,
        status={403},
        message_pattern=r"CallerIpNotAllowed|caller ip address",
        own_credentials_kind=halo_failures.GATEWAY_IP_BLOCKED,
    ),
    ErrorRule(
        "halo-403-dev",
        halo_failures.DEVELOPER_LICENCE,
        status={403},
        message_pattern=r"developer (site|licen[cs]e)",
    ),
    ErrorRule(
        "halo-403-nonauth", halo_failures.NOT_AUTHORITATIVE, status={403}, message_pattern=r"authoritative"
    ),
    ErrorRule(
        "halo-403-quota", halo_failures.QUOTA_EXHAUSTED, status={403, 429}, message_pattern=r"\bquota\b"
    ),
    ErrorRule("halo-403-other", failures.FORBIDDEN, status={403}),
)

REQUEST_RULES = (
    ErrorRule(
        "halo-400-missing-param",
        halo_failures.REQUEST_INCOMPLETE,
        status={400},
        message_pattern=r"required parameter|must be provided",
    ),
    ErrorRule(
        "halo-400-parameter",
        failures.PARAMETER_UNKNOWN,
        status={400},
        shapes={"outcome"},
        message_pattern=UNSUPPORTED_PARAMETER,
    ),
    ErrorRule(
        "halo-400-oo", halo_failures.REQUEST_REFUSED, status={400}, shapes={"outcome"}, relays_issue_type=True
    ),
    ErrorRule("halo-400-other", failures.BAD_REQUEST, status={400}, shapes=KNOWN_SHAPES),
    ErrorRule(
        "halo-404-op",
        halo_failures.OPERATION_UNKNOWN,
        status={404},
        message_pattern=r"OperationNotFound|unable to match incoming request",
    ),
    ErrorRule(
        "halo-404-url",
        halo_failures.INTERACTION_UNSUPPORTED,
        status={404},
        message_pattern=r"unable to parse resource url",
    ),
    ErrorRule("halo-404-fhir", failures.NOT_FOUND, status={404}, shapes={"outcome"}),
    ErrorRule("halo-406", halo_failures.RESULT_LOST, status={406}),
    ErrorRule("halo-413", halo_failures.RESULT_TOO_LARGE, status={413}),
)

REACHABILITY_RULES = (
    ErrorRule(
        "halo-502-practice", halo_failures.BAD_RESULT, status={502}, message_pattern=r"unexpected result code"
    ),
    ErrorRule(
        "halo-504-offline", halo_failures.OFFLINE, status={503, 504}, message_pattern=r"site is offline"
    ),
    ErrorRule(
        "halo-504-unreachable",
        halo_failures.UNREACHABLE_FOR_LONG,
        status={503, 504},
        message_pattern=r"currently unreachable",
    ),
    ErrorRule(
        "halo-503",
        halo_failures.UNREACHABLE,
        status={503, 504},
        message_pattern=r"site (could not|cannot) be contacted",
    ),
    ErrorRule(
        "halo-504-30s", halo_failures.QUERY_TIMEOUT, status={504}, message_pattern=r"more than \d+ seconds"
    ),
)

RULES = PRACTICE_RULES + HALO_LINK_RULES + DATABASE_RULES + ACCESS_RULES + REQUEST_RULES + REACHABILITY_RULES

#: Halo's two APIs, by the first segment of their paths, and the credential that each requires.
APIS = {
    "integrator": CredentialScheme(
        ("ocp-apim-subscription-key",),
        'AzureApiManagementKey realm="fhir", name="Ocp-Apim-Subscription-Key", type="header"',
    ),
    "desktop": CredentialScheme(("authorization", "deviceid")),
}

HALO_CONNECT = Dialect(
    "halo-connect",
    RULES,
    credentials=APIS["integrator"],
    apis=APIS,
    relays_freshness=True,
    envelopes=HALO_ENVELOPES,
    success_errors="envelopes",
)
