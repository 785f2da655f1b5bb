"""Error rules of SQL Passthrough."""

from typing import Any

import pytest
from support.dialects import envelope, failure, require_failure
from support.upstream_catalogue import HALO_SQL

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import FailureKind
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams import halo_sql
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
