"""Observed or documented error responses of each upstream and their kinds, at least one per error rule.

The tests of the dialects use it as data, tests/end_to_end/test_errors_catalogue.py over real sockets.
"""

from typing import Any

from support.dialects import apim, details, envelope, firely, gorilla

from gateway.errors.failure import FailureKind
from gateway.upstreams import failures, halo_failures, halo_itsm, halo_sql, health_gorilla, status_rules

#: Upstream's status -> (gateway's status, issue type, Retry-After in seconds)
STATUSES: dict[int, tuple[int, str, int | None]] = {
    **dict.fromkeys((100, 101, 102, 103, 206, 207, 208, 226), (502, "exception", None)),
    **dict.fromkeys((300, 301, 302, 303, 305, 307, 308), (502, "exception", None)),
    **dict.fromkeys((406, 416, 417, 418, 426, 505, 506, 508, 510, 525, 526), (502, "exception", None)),
    **dict.fromkeys((407, 419, 440, 511), (502, "security", None)),
    **dict.fromkeys((421, 499, 502), (502, "transient", 5)),
    **dict.fromkeys((504, 522, 524), (504, "timeout", 30)),
    **dict.fromkeys((521, 523), (503, "no-store", 30)),
    400: (400, "invalid", None),
    401: (401, "login", None),
    402: (502, "business-rule", None),
    403: (403, "forbidden", None),
    404: (404, "not-found", None),
    405: (405, "not-supported", None),
    408: (504, "timeout", 5),
    409: (409, "conflict", None),
    410: (410, "deleted", None),
    411: (500, "exception", None),
    412: (412, "conflict", None),
    413: (413, "too-long", None),
    414: (414, "too-long", None),
    415: (415, "not-supported", None),
    422: (422, "business-rule", None),
    423: (503, "lock-error", 5),
    424: (502, "processing", None),
    425: (503, "transient", 5),
    428: (428, "business-rule", None),
    429: (429, "throttled", 5),
    431: (502, "exception", None),
    451: (451, "suppressed", None),
    500: (502, "exception", 10),
    501: (501, "not-supported", None),
    503: (503, "transient", 30),
    507: (503, "no-store", 300),
    520: (502, "transient", 10),
}

_OLD_LOST = {"errorCode": 0, "errorMessage": "Client connection was unexpectedly closed"}
_NO_SERVER = "Error occured while establishing a connection to SQL Server"
_UPLOAD = "Query executed successfully but an error occurred preparing it for upload"
_TOO_LARGE = "Results were too large. Immediate query results beyond message size limit (8mb)"
MISSING_KEY = "Access denied due to missing subscription key."

HALO_CONNECT: list[tuple[str, int, Any, FailureKind]] = [
    ("halo-200-error-body", 200, firely("Something broke"), failures.ERROR_IN_200),
    (
        "halo-link-0",
        400,
        details("http", 0, "Client connection was unexpectedly closed"),
        halo_failures.CONNECTION_LOST,
    ),
    ("halo-link-0", 200, _OLD_LOST, halo_failures.CONNECTION_LOST),
    ("halo-link-0", 400, details("http", 0, "gone"), halo_failures.CONNECTION_LOST),
    ("halo-link-0", 400, {"errorCode": "0", "errorMessage": "gone"}, halo_failures.CONNECTION_LOST),
    ("halo-link-1-connect", 400, details("haloLink", 1, _NO_SERVER), halo_failures.DATABASE_DOWN),
    ("halo-link-1-connect", 200, {"errorCode": 1, "errorMessage": _NO_SERVER}, halo_failures.DATABASE_DOWN),
    (
        "halo-link-1-other",
        400,
        details("haloLink", 1, "SQL query string cannot be null"),
        halo_failures.QUERY_FAILED,
    ),
    (
        "halo-link-2-convert",
        400,
        details("haloLink", 2, "Error converting varchar"),
        halo_failures.VALUE_UNREADABLE,
    ),
    (
        "halo-link-2-convert",
        400,
        details("mssql", 241, "Conversion failed when"),
        halo_failures.VALUE_UNREADABLE,
    ),
    ("halo-link-2-upload", 400, details("halolink", 2, _UPLOAD), halo_failures.RESULT_LOST),
    ("halo-link-2-upload", 200, {"errorCode": 2, "errorMessage": "lost"}, halo_failures.RESULT_LOST),
    ("halo-link-3", 200, details("haloLink", 3, "Query was orphaned"), halo_failures.QUERY_ORPHANED),
    ("halo-link-3", 400, details("haloLink", 3, "-"), halo_failures.QUERY_ORPHANED),
    ("halo-link-4", 400, details("haloLink", 4, "-"), halo_failures.QUERY_INCOMPLETE),
    (
        "halo-link-5",
        400,
        details("haloLink", 5, "Failed with status code PreconditionFailed"),
        halo_failures.UPLOAD_FAILED,
    ),
    ("halo-link-5", 200, details("haloLink", 5, "-"), halo_failures.UPLOAD_FAILED),
    ("halo-400-login", 400, envelope(400, "Login failed for user 'zz'."), halo_failures.NOT_AUTHORISED),
    ("halo-400-login", 400, firely("Login failed for user 'zz'."), halo_failures.NOT_AUTHORISED),
    (
        "halo-400-login",
        200,
        details("mssql", 18456, "Login failed for user 'zz'."),
        halo_failures.NOT_AUTHORISED,
    ),
    ("halo-400-oo", 400, firely("Unable to parse Resource URL"), halo_failures.REQUEST_REFUSED),
    ("halo-400-parameter", 400, firely("Argument is not supported"), failures.PARAMETER_UNKNOWN),
    ("halo-400-mssql", 400, details("mssql", 207, "Invalid column name 'x'."), halo_failures.QUERY_FAILED),
    ("halo-400-mssql", 400, details("fbsql", 335, "Token unknown"), halo_failures.QUERY_FAILED),
    ("halo-400-mssql", 200, {"errorCode": 2812, "errorMessage": "No procedure"}, halo_failures.QUERY_FAILED),
    (
        "halo-200-content",
        200,
        {"errorCode": 400, "errorMessage": "A resource of type Appointment is expected"},
        failures.BAD_REQUEST,
    ),
    ("halo-400-mssql", 400, firely("Invalid column name 'x'."), halo_failures.QUERY_FAILED),
    (
        "halo-400-missing-param",
        400,
        {"status": 400, "message": "Halo GUID must be provided."},
        halo_failures.REQUEST_INCOMPLETE,
    ),
    ("halo-400-other", 400, envelope(400, "No"), failures.BAD_REQUEST),
    ("halo-400-other", 400, b"", failures.BAD_REQUEST),
    (
        "halo-401-key",
        401,
        apim(401, "Access denied due to invalid subscription key."),
        failures.CREDENTIALS_INVALID,
    ),
    (
        "halo-401-key",
        401,
        {"exception": "SubscriptionKeyNotFound", "message": "No"},
        failures.CREDENTIALS_INVALID,
    ),
    ("halo-401-key", 403, envelope(403, MISSING_KEY), failures.CREDENTIALS_INVALID),
    ("halo-401-guid", 401, b"", halo_failures.SITE_UNKNOWN),
    ("halo-401-guid", 401, envelope(401, "Unauthorized"), halo_failures.SITE_UNKNOWN),
    ("halo-401-token", 401, apim(401, "Invalid token"), failures.CREDENTIALS_INVALID),
    (
        "halo-403-ip",
        403,
        apim(403, "Caller IP address 203.0.113.9 is not allowed."),
        halo_failures.IP_BLOCKED,
    ),
    (
        "halo-403-dev",
        403,
        envelope(403, "Developer site is not allowed here."),
        halo_failures.DEVELOPER_LICENCE,
    ),
    (
        "halo-403-nonauth",
        403,
        envelope(403, "The site is non-authoritative."),
        halo_failures.NOT_AUTHORITATIVE,
    ),
    ("halo-403-quota", 403, apim(403, "Out of bandwidth quota."), halo_failures.QUOTA_EXHAUSTED),
    ("halo-403-other", 403, envelope(403, "No"), failures.FORBIDDEN),
    (
        "halo-404-op",
        404,
        apim(404, "Unable to match incoming request to an operation."),
        halo_failures.OPERATION_UNKNOWN,
    ),
    ("halo-404-url", 404, firely("Unable to parse Resource URL"), halo_failures.INTERACTION_UNSUPPORTED),
    ("halo-404-fhir", 404, firely("Not there"), failures.NOT_FOUND),
    ("halo-406", 406, envelope(406, "QueryNotAcceptable"), halo_failures.RESULT_LOST),
    ("halo-413", 413, envelope(413, "QueryResultsTooLarge"), halo_failures.RESULT_TOO_LARGE),
    ("halo-413", 400, details("http", 413, _TOO_LARGE), halo_failures.RESULT_TOO_LARGE),
    ("halo-413", 200, {"errorCode": 413, "errorMessage": "Big"}, halo_failures.RESULT_TOO_LARGE),
    ("halo-sql-busy", 400, details("mssql", 1205, "Transaction was deadlocked"), halo_failures.DATABASE_BUSY),
    ("halo-sql-busy", 400, details("mssql", 1222, "-"), halo_failures.DATABASE_BUSY),
    (
        "halo-sql-timeout",
        400,
        details("mssql", -2, "Execution Timeout Expired."),
        halo_failures.QUERY_TIMEOUT,
    ),
    ("halo-429", 429, apim(429, "Rate limit is exceeded."), failures.RATE_LIMITED),
    ("halo-500", 500, envelope(500, "Failed"), failures.SERVER_ERROR),
    ("halo-502", 502, b"<html><h1>502 Bad Gateway</h1></html>", failures.BAD_GATEWAY),
    (
        "halo-502-practice",
        502,
        envelope(502, "It returned an unexpected result code."),
        halo_failures.BAD_RESULT,
    ),
    ("halo-503", 503, firely("Site could not be contacted."), halo_failures.UNREACHABLE),
    ("halo-503-other", 503, b"", failures.UNAVAILABLE),
    ("halo-504-30s", 504, firely("Query took more than 30 seconds"), halo_failures.QUERY_TIMEOUT),
    (
        "halo-504-unreachable",
        504,
        envelope(504, "Site is currently unreachable."),
        halo_failures.UNREACHABLE_FOR_LONG,
    ),
    (
        "halo-504-offline",
        504,
        envelope(504, "Site cannot be contacted. Site is offline."),
        halo_failures.OFFLINE,
    ),
    ("halo-504-other", 504, b"", failures.TIMEOUT),
]

#: (status, body, kind)
HALO_SQL: list[tuple[int, Any, FailureKind]] = [
    (400, details("mssql", 207, "Invalid column name 'x'."), halo_sql.QUERY_REFUSED),
    (400, envelope(400, "Failed to convert parameter value from a String"), halo_sql.VALUE_REFUSED),
    (
        400,
        envelope(400, "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast"),
        halo_sql.PARAMETER_REFUSED,
    ),
    (
        400,
        details("mssql", 50000, "Failed to convert parameter value from a String to a Byte[]."),
        halo_sql.QUERY_REFUSED,
    ),
    (400, details("haloLink", 1, "SQL query string cannot be null or void"), halo_sql.QUERY_REFUSED),
    (200, {"status": "executionFailed", **details("mssql", 2812, "Gone")}, halo_sql.QUERY_REFUSED),
    (200, {"status": "executionFailed"}, failures.ERROR_IN_200),
    (400, details("mssql", 1205, "-"), halo_failures.DATABASE_BUSY),
    (400, details("mssql", 18456, "Login failed for user 'x'"), halo_sql.QUERY_BROKEN_OFF),
    (400, details("haloLink", 1, "Login failed for user 'x'"), halo_failures.NOT_AUTHORISED),
    (400, envelope(400, "Login failed for user 'x'"), halo_sql.LOGIN_REFUSED),
    (400, details("http", 413, "-"), halo_sql.RESULT_TOO_LARGE),
    (400, envelope(400, "QueryResultsTooLarge"), halo_sql.RESULT_TOO_LARGE),
    (404, envelope(404, "The server cannot find the requested resource."), failures.NOT_FOUND),
    (503, envelope(503, "Site could not be contacted"), halo_failures.UNREACHABLE),
]

_VERSION = "Insufficient access rights to perform the operation"
_LICENCE = "Tenant has no license to execute this method."

HEALTH_GORILLA: list[tuple[str, int, Any, FailureKind]] = [
    ("hg-400-empty", 400, b" ", health_gorilla.URL_MALFORMED),
    ("hg-400-async", 400, gorilla("Executed in asynchronous mode only..."), health_gorilla.ASYNC_ONLY),
    ("hg-400-subject", 400, gorilla("Subject validation failed"), health_gorilla.SUBJECT_UNKNOWN),
    ("hg-oauth", 400, {"error": "invalid_client"}, health_gorilla.TOKEN_REFUSED),
    ("hg-oauth", 401, {"error": "invalid_grant"}, health_gorilla.TOKEN_REFUSED),
    ("hg-400-invalid", 400, gorilla("Invalid request: [[wrong]]"), failures.PARAMETER_INVALID),
    ("hg-401", 401, gorilla("Invalid Token"), failures.CREDENTIALS_INVALID),
    ("hg-403-version", 403, gorilla(_VERSION), health_gorilla.VERSION_FORBIDDEN),
    ("hg-403-license", 403, gorilla(_LICENCE), health_gorilla.NOT_LICENSED),
    ("hg-403-other", 403, gorilla("No write access", "forbidden"), failures.FORBIDDEN),
    ("hg-404", 404, gorilla("Not found", "not-found"), failures.NOT_FOUND),
    ("hg-404-www", 404, b"rejected_www-request", failures.UPSTREAM_MISCONFIGURED),
    ("hg-405", 405, gorilla("method not allowed"), failures.METHOD_NOT_ALLOWED),
    ("hg-415", 415, b"", health_gorilla.MEDIA_TYPE_UNSUPPORTED),
    ("hg-422-generic", 422, gorilla("The field is required", "required"), health_gorilla.RULE_VIOLATION),
    ("hg-422-id2", 422, gorilla("Record with supplied ID2 already exists"), health_gorilla.DUPLICATE_RECORD),
    ("hg-422-empty-att", 422, gorilla("Empty content attachment"), health_gorilla.ATTACHMENT_EMPTY),
    ("hg-422-dup", 422, gorilla("Record duplicates the existing one."), health_gorilla.DUPLICATE_RECORD),
    ("hg-422-dup", 409, gorilla("Failed to create duplicate"), health_gorilla.DUPLICATE_RECORD),
    ("hg-422-performer", 422, gorilla("Performer is unknown"), health_gorilla.PERFORMER_UNKNOWN),
    (
        "hg-422-authorizedby",
        422,
        gorilla("AuthorizedBy is unknown or"),
        health_gorilla.AUTHORISING_LOCATION_UNKNOWN,
    ),
    ("hg-429", 429, gorilla("Too many requests"), failures.RATE_LIMITED),
    ("hg-429-rps", 429, gorilla("Too many requests: RPS limit"), health_gorilla.TOO_MANY_PER_SECOND),
    ("hg-429-rps", 429, b"10 requests per second", health_gorilla.TOO_MANY_PER_SECOND),
    ("hg-429-p360", 429, gorilla("Too many concurrent p360 async processes"), health_gorilla.TOO_MANY_P360),
    ("hg-454", 454, b"", health_gorilla.LINK_EXPIRED),
    ("hg-500", 500, gorilla("Broken"), failures.SERVER_ERROR),
    ("hg-504", 504, b"", health_gorilla.TOO_SLOW),
]

_EXCEPTION = {"ClassName": "System.Exception", "Message": "The agent may not use this rate"}
_RESULT = {"resultCode": "E1", "errorMessage": "Not possible"}

HALO_ITSM: list[tuple[str, int, Any, FailureKind]] = [
    ("itsm-oauth", 400, {"error": "invalid_client"}, halo_itsm.TOKEN_REFUSED),
    ("itsm-400", 400, {}, halo_itsm.BAD_REQUEST),
    ("itsm-401", 401, b"", halo_itsm.CREDENTIALS_INVALID),
    ("itsm-403", 403, _EXCEPTION, halo_itsm.FORBIDDEN),
    ("itsm-404", 404, {"Message": "No such ticket"}, halo_itsm.NOT_FOUND),
    ("itsm-405", 405, b"", halo_itsm.METHOD_NOT_ALLOWED),
    ("itsm-406", 406, b"", halo_itsm.NOT_ACCEPTABLE),
    ("itsm-409", 409, {"Message": "Ticket is closed"}, halo_itsm.CONFLICT),
    ("itsm-409-unique", 409, {"Message": "The name must be unique"}, halo_itsm.DUPLICATE_VALUE),
    ("itsm-410", 410, b"", halo_itsm.GONE),
    ("itsm-414", 414, b"", halo_itsm.URL_TOO_LONG),
    ("itsm-415", 415, b"", halo_itsm.MEDIA_TYPE_UNSUPPORTED),
    ("itsm-422", 422, _RESULT, halo_itsm.VALUE_INVALID),
    (
        "itsm-429",
        429,
        b"Rate Limit Reached - 300 Requests per rolling 5 minute window",
        halo_itsm.RATE_LIMITED,
    ),
    ("itsm-428", 428, b"", halo_itsm.PRECONDITION_REQUIRED),
    ("itsm-429", 429, b"", halo_itsm.RATE_LIMITED),
    ("itsm-500", 500, {"Message": "Broken"}, halo_itsm.SERVER_ERROR),
    ("itsm-502", 502, [], halo_itsm.BAD_GATEWAY),
    ("itsm-504", 504, b"", halo_itsm.TOO_SLOW),
    ("http-other-4xx", 471, _EXCEPTION, status_rules.OTHER_4XX),
]
