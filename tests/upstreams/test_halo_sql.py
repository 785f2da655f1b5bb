"""Error rules of SQL Passthrough."""

from typing import Any

import pytest
from support.dialects import details, envelope, failure, require_failure
from support.upstream_catalogue import HALO_SQL

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import FailureKind
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams import halo_failures, halo_sql
from gateway.upstreams.halo_envelopes import FAILED_STATES
from gateway.upstreams.kinds_by_interaction import kind_for

_QUERIES = "GET queries/immediate"


@pytest.mark.parametrize(("status", "body", "kind"), HALO_SQL)
def test_each_failure_has_its_kind(status: int, body: Any, kind: FailureKind) -> None:
    assert require_failure("halo-sql", status, body, line=_QUERIES).kind == kind_for(kind, NOT_FHIR)


@pytest.mark.parametrize("body", [b"[]", {"status": "completed", "errorDetails": None, "results": []}])
def test_good_results_are_no_failures(body: Any) -> None:
    assert failure("halo-sql", 200, body, line=_QUERIES) is None


def test_error_in_large_result_is_recognised() -> None:
    rows = b'{"results":[' + b'"errorCode",' * 50_000 + b'1],"status":"completed"}'
    assert failure("halo-sql", 200, rows, line=_QUERIES) is None
    error = b'"executionFailed","errorDetails":{"errorType":"mssql","errorCode":207}'
    failed_rows = rows.replace(b'"completed"', error)
    assert require_failure("halo-sql", 200, failed_rows, line=_QUERIES).kind == halo_sql.QUERY_REFUSED


def test_sql_timeout_has_unknown_write_outcome() -> None:
    body = envelope(504, "Took more than 30 seconds")
    result = require_failure("halo-sql", 504, body, line="POST queries/immediate")
    assert result.kind.code == WRITE_OUTCOME_UNKNOWN.code


_ANY = "transaction was deadlocked; login failed for user; execution timeout expired; conversion failed"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (details("mssql", 50000, _ANY), halo_sql.QUERY_REFUSED),
        (details("mssql", 13000, _ANY), halo_sql.QUERY_REFUSED),
        ({"errorDetails": {"errorType": "mssql", "errorMessage": _ANY}}, halo_sql.QUERY_REFUSED),
        (details("fbsql", 7, _ANY), halo_sql.QUERY_REFUSED),
        (details("mssql", 245, "Conversion failed when converting"), halo_sql.VALUE_REFUSED),
        (details("mssql", 12999, "Login failed for user"), halo_sql.QUERY_REFUSED),
        (details("mssql", 2627, "Login failed for user"), halo_sql.QUERY_REFUSED),
        (details("mssql", 18456, "-"), halo_sql.QUERY_BROKEN_OFF),
        (details("mssql", 7399, _ANY), halo_sql.QUERY_BROKEN_OFF),
        (details("mssql", 1205, "-"), halo_failures.DATABASE_BUSY),
        (details("mssql", -2, "-"), halo_failures.QUERY_TIMEOUT),
        ({"errorCode": 53, "errorMessage": _ANY}, halo_sql.QUERY_BROKEN_OFF),
        ({"errorCode": -1, "errorMessage": _ANY}, halo_sql.QUERY_BROKEN_OFF),
        ({"errorCode": 207, "errorMessage": _ANY}, halo_sql.QUERY_REFUSED),
        ({"errorCode": 403, "errorMessage": "Invalid operator for data type."}, halo_sql.QUERY_REFUSED),
        ({"errorCode": 429, "errorMessage": "-"}, halo_sql.QUERY_REFUSED),
    ],
)
def test_text_that_sql_may_make_up_decides_nothing(error: Any, expected: FailureKind) -> None:
    result = require_failure("halo-sql", 400, error, line=_QUERIES)
    assert result.kind == kind_for(expected, NOT_FHIR)
    assert (result.own_words, result.by_clients_sql) == ("", True)


@pytest.mark.parametrize(
    "error",
    [
        *(details("haloLink", number, "Words") for number in range(6)),
        details("http", 413, "Words"),
        *({"errorCode": number, "errorMessage": "Words"} for number in (0, 1, 2, 3, 4, 5, 413)),
        envelope(400, "Words"),
        {"status": 400, "message": "Words"},
    ],
)
def test_words_of_halo_itself_count(error: Any) -> None:
    result = require_failure("halo-sql", 400, error, line=_QUERIES)
    assert ("Words" in result.own_words, result.by_clients_sql) == (True, False)


def test_error_of_the_database_about_fhir_is_not_the_clients() -> None:
    assert not require_failure("halo-connect", 400, details("mssql", 1205, "-")).by_clients_sql


@pytest.mark.parametrize("state", FAILED_STATES)
def test_failed_state_has_a_kind_of_its_own(state: str) -> None:
    result = require_failure("halo-sql", 200, {"status": state}, line=_QUERIES)
    assert result.kind.may_have_run is (state == "uploadFailed")
    assert result.retry_after is not None
