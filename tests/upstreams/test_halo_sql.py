from typing import Any

import pytest
from support.dialects import failed, failure, wrapped
from support.upstream_catalogue import HALO_SQL

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import FailureKind
from gateway.upstreams import halo_sql

_QUERIES = "GET queries/immediate"


@pytest.mark.parametrize(("status", "body", "kind"), HALO_SQL)
def test_each_failure_has_its_kind(status: int, body: Any, kind: FailureKind) -> None:
    assert failed("halo-sql", status, body, line=_QUERIES).kind == kind


@pytest.mark.parametrize("body", [b"[]", {"status": "completed", "errorDetails": None, "results": []}])
def test_good_results_pass_whatever_they_hold(body: Any) -> None:
    assert failure("halo-sql", 200, body, line=_QUERIES) is None


def test_a_large_result_is_searched_for_an_error_without_being_decoded_whole() -> None:
    rows = b'{"results":[' + b'"errorCode",' * 50_000 + b'1],"status":"completed"}'
    assert failure("halo-sql", 200, rows, line=_QUERIES) is None
    bad = rows.replace(
        b'"completed"', b'"executionFailed","errorDetails":{"errorType":"mssql","errorCode":207}'
    )
    assert failed("halo-sql", 200, bad, line=_QUERIES).kind == halo_sql.QUERY_REFUSED


def test_a_query_that_may_have_run_is_not_to_be_sent_again_blindly() -> None:
    found = failed("halo-sql", 504, wrapped(504, "Took more than 30 seconds"), line="POST queries/immediate")
    assert found.kind is WRITE_OUTCOME_UNKNOWN
