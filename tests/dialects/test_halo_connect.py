from typing import Any

import pytest
from dialects.upstreams import apim, details, failed, failed_by_own_key, failure, firely, wrapped

from gateway.core.failure import Kind
from gateway.dialects import halo_connect, kinds, practice
from gateway.dialects import halo_refusals as refusals

_OLD_LOST = {"errorCode": 0, "errorMessage": "Client connection was unexpectedly closed"}
_NO_SERVER = "Error occured while establishing a connection to SQL Server"
_UPLOAD = "Query executed successfully but an error occurred preparing it for upload"
_TOO_LARGE = "Results were too large. Immediate query results beyond message size limit (8mb)"
_MISSING_KEY = "Access denied due to missing subscription key."

#: (row, status, body, kind)
CATALOGUE: list[tuple[str, int, Any, Kind]] = [
    ("halo-200-error-body", 200, firely("Something broke"), kinds.ERROR_IN_200),
    (
        "halo-link-0",
        400,
        details("http", 0, "Client connection was unexpectedly closed"),
        practice.CONNECTION_LOST,
    ),
    ("halo-link-0", 200, _OLD_LOST, practice.CONNECTION_LOST),
    ("halo-link-0", 400, details("http", 0, "gone"), practice.CONNECTION_LOST),
    ("halo-link-0", 400, {"errorCode": "0", "errorMessage": "gone"}, practice.CONNECTION_LOST),
    ("halo-link-1-connect", 400, details("haloLink", 1, _NO_SERVER), practice.DATABASE_DOWN),
    ("halo-link-1-connect", 200, {"errorCode": 1, "errorMessage": _NO_SERVER}, practice.DATABASE_DOWN),
    (
        "halo-link-1-other",
        400,
        details("haloLink", 1, "SQL query string cannot be null"),
        practice.QUERY_FAILED,
    ),
    (
        "halo-link-2-convert",
        400,
        details("haloLink", 2, "Error converting varchar"),
        practice.VALUE_UNREADABLE,
    ),
    ("halo-link-2-convert", 400, details("mssql", 241, "Conversion failed when"), practice.VALUE_UNREADABLE),
    ("halo-link-2-upload", 400, details("halolink", 2, _UPLOAD), practice.RESULT_LOST),
    ("halo-link-2-upload", 200, {"errorCode": 2, "errorMessage": "lost"}, practice.RESULT_LOST),
    ("halo-link-3", 200, details("haloLink", 3, "Query was orphaned"), practice.QUERY_ORPHANED),
    ("halo-link-3", 400, details("haloLink", 3, "-"), practice.QUERY_ORPHANED),
    ("halo-link-4", 400, details("haloLink", 4, "-"), practice.QUERY_INCOMPLETE),
    (
        "halo-link-5",
        400,
        details("haloLink", 5, "Failed with status code PreconditionFailed"),
        practice.UPLOAD_FAILED,
    ),
    ("halo-link-5", 200, details("haloLink", 5, "-"), practice.UPLOAD_FAILED),
    ("halo-400-login", 400, wrapped(400, "Login failed for user 'zz'."), refusals.NOT_AUTHORISED),
    ("halo-400-login", 400, firely("Login failed for user 'zz'."), refusals.NOT_AUTHORISED),
    ("halo-400-login", 200, details("mssql", 18456, "Login failed for user 'zz'."), refusals.NOT_AUTHORISED),
    ("halo-400-oo", 400, firely("Unable to parse Resource URL"), refusals.REQUEST_REFUSED),
    ("halo-400-parameter", 400, firely("Argument is not supported"), kinds.PARAMETER_UNKNOWN),
    ("halo-400-mssql", 400, details("mssql", 207, "Invalid column name 'x'."), practice.QUERY_FAILED),
    ("halo-400-mssql", 400, details("fbsql", 335, "Token unknown"), practice.QUERY_FAILED),
    ("halo-400-mssql", 200, {"errorCode": 2812, "errorMessage": "No procedure"}, practice.QUERY_FAILED),
    ("halo-400-mssql", 400, firely("Invalid column name 'x'."), practice.QUERY_FAILED),
    (
        "halo-400-missing-param",
        400,
        {"status": 400, "message": "Halo GUID must be provided."},
        refusals.REQUEST_INCOMPLETE,
    ),
    ("halo-400-other", 400, wrapped(400, "No"), kinds.BAD_REQUEST),
    ("halo-400-other", 400, b"", kinds.BAD_REQUEST),
    ("halo-401-key", 401, apim(401, "Access denied due to invalid subscription key."), kinds.CREDENTIALS),
    ("halo-401-key", 401, {"exception": "SubscriptionKeyNotFound", "message": "No"}, kinds.CREDENTIALS),
    ("halo-401-key", 403, wrapped(403, _MISSING_KEY), kinds.CREDENTIALS),
    ("halo-401-guid", 401, b"", refusals.SITE_UNKNOWN),
    ("halo-401-guid", 401, wrapped(401, "Unauthorized"), refusals.SITE_UNKNOWN),
    ("halo-401-token", 401, apim(401, "Invalid token"), kinds.CREDENTIALS),
    ("halo-403-ip", 403, apim(403, "Caller IP address 203.0.113.9 is not allowed."), refusals.IP_BLOCKED),
    ("halo-403-dev", 403, wrapped(403, "Developer site is not allowed here."), refusals.DEVELOPER_LICENCE),
    ("halo-403-nonauth", 403, wrapped(403, "The site is non-authoritative."), refusals.NOT_AUTHORITATIVE),
    ("halo-403-quota", 403, apim(403, "Out of bandwidth quota."), refusals.QUOTA),
    ("halo-403-other", 403, wrapped(403, "No"), kinds.FORBIDDEN),
    (
        "halo-404-op",
        404,
        apim(404, "Unable to match incoming request to an operation."),
        refusals.OPERATION_UNKNOWN,
    ),
    ("halo-404-fhir", 404, firely("Not there"), kinds.NOT_FOUND),
    ("halo-406", 406, wrapped(406, "QueryNotAcceptable"), practice.RESULT_LOST),
    ("halo-413", 413, wrapped(413, "QueryResultsTooLarge"), practice.RESULT_TOO_LARGE),
    ("halo-413", 400, details("http", 413, _TOO_LARGE), practice.RESULT_TOO_LARGE),
    ("halo-413", 200, {"errorCode": 413, "errorMessage": "Big"}, practice.RESULT_TOO_LARGE),
    ("halo-sql-busy", 400, details("mssql", 1205, "Transaction was deadlocked"), practice.DATABASE_BUSY),
    ("halo-sql-busy", 400, details("mssql", 1222, "-"), practice.DATABASE_BUSY),
    ("halo-sql-timeout", 400, details("mssql", -2, "Execution Timeout Expired."), practice.QUERY_TIMEOUT),
    ("halo-429", 429, apim(429, "Rate limit is exceeded."), kinds.RATE_LIMITED),
    ("halo-500", 500, wrapped(500, "Failed"), kinds.FAILED),
    ("halo-502", 502, b"<html><h1>502 Bad Gateway</h1></html>", kinds.BAD_GATEWAY),
    ("halo-502-practice", 502, wrapped(502, "It returned an unexpected result code."), practice.BAD_RESULT),
    ("halo-503", 503, firely("Site could not be contacted."), practice.UNREACHABLE),
    ("halo-503-other", 503, b"", kinds.UNAVAILABLE),
    ("halo-504-30s", 504, firely("Query took more than 30 seconds"), practice.QUERY_TIMEOUT),
    (
        "halo-504-unreachable",
        504,
        wrapped(504, "Site is currently unreachable."),
        practice.UNREACHABLE_FOR_LONG,
    ),
    ("halo-504-offline", 504, wrapped(504, "Site cannot be contacted. Site is offline."), practice.OFFLINE),
    ("halo-504-other", 504, b"", kinds.TIMEOUT),
]


@pytest.mark.parametrize(("row", "status", "body", "kind"), CATALOGUE)
def test_every_entry_of_the_catalogue_has_its_kind(row: str, status: int, body: Any, kind: Kind) -> None:
    assert failed("halo-connect", status, body).kind == kind


def test_every_row_is_tried() -> None:
    assert {row.id for row in halo_connect.ROWS} <= {row for row, *_ in CATALOGUE}


def test_a_good_searchset_is_no_failure() -> None:
    assert failure("halo-connect", 200, {"resourceType": "Bundle", "type": "searchset"}) is None


def test_a_refused_key_of_the_gateway_itself_is_not_the_clients_fault() -> None:
    for status, message in ((401, _MISSING_KEY), (403, "Caller IP address 10.0.0.1 is not allowed.")):
        found = failed_by_own_key("halo-connect", status, apim(status, message))
        assert (found.kind.status, found.kind.issue) == (502, "security")


def test_a_401_names_the_way_to_log_in() -> None:
    found = failed("halo-connect", 401, apim(401, _MISSING_KEY))
    assert dict(found.headers)["www-authenticate"].startswith("AzureApiManagementKey")


def test_a_quota_says_when_it_refills() -> None:
    text = "Out of call volume quota. Quota will be replenished in 01:02:03."
    assert failed("halo-connect", 403, apim(403, text)).retry_after == 3723


def test_new_error_details_win_over_the_old_root_fields() -> None:
    both = {"errorCode": 413, "errorMessage": "Too big", **details("haloLink", 3, "Query was orphaned")}
    assert failed("halo-connect", 400, both).kind is practice.QUERY_ORPHANED


def test_upstream_codes_stand_beside_ours() -> None:
    assert ("http://hl7.org/fhir/dotnet-api-operation-outcome", "5003") in failed(
        "halo-connect", 400, firely("No")
    ).codings
    codings = failed("halo-connect", 400, details("halolink", 1, "No")).codings
    assert codings == (("https://halo-gateway.example/fhir/CodeSystem/upstream-error", "haloLink-1"),)


def test_a_more_specific_issue_type_of_the_engine_is_kept() -> None:
    assert failed("halo-connect", 400, firely("Bad", "value")).issue == "value"
    assert failed("halo-connect", 400, firely("Bad", "exception")).issue == "processing"
