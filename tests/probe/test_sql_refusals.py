"""Failures that answer a question about SQL Passthrough."""

import json

import pytest

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirResponse
from gateway.probe.sql_questions import SqlAnswer
from gateway.probe.sql_refusals import refusal_of
from gateway.upstreams import failures, halo_failures, halo_sql


def _database_failure(code: int, message: str) -> Failure:
    details = {"errorType": "mssql", "errorCode": code, "errorMessage": message}
    response = FhirResponse(400, body=json.dumps({"errorDetails": details}).encode())
    return Failure(halo_sql.QUERY_REFUSED, upstream_response=response)


@pytest.mark.parametrize(
    "kind", [halo_sql.VALUE_REFUSED, halo_sql.QUERY_REFUSED, halo_failures.VALUE_UNREADABLE]
)
def test_refusal_of_the_query_answers_every_question(kind: FailureKind) -> None:
    for is_about_size in (False, True):
        assert refusal_of(Failure(kind), is_about_size=is_about_size) == SqlAnswer(refusal=kind.code)


@pytest.mark.parametrize(
    "kind",
    [halo_sql.RESULT_TOO_LARGE, catalog.UPSTREAM_RESET, catalog.UPSTREAM_TIMEOUT, failures.SERVER_ERROR],
)
def test_lost_or_too_large_request_answers_only_the_size(kind: FailureKind) -> None:
    assert refusal_of(Failure(kind), is_about_size=True) == SqlAnswer(refusal=kind.code)
    assert refusal_of(Failure(kind), is_about_size=False) is None


@pytest.mark.parametrize(
    "kind",
    [
        failures.CREDENTIALS_INVALID,
        failures.RATE_LIMITED,
        halo_failures.OFFLINE,
        halo_failures.NOT_AUTHORISED,
        halo_failures.SITE_UNKNOWN,
        catalog.UPSTREAM_REFUSED,
    ],
)
def test_state_of_key_or_practice_answers_nothing(kind: FailureKind) -> None:
    for is_about_size in (False, True):
        assert refusal_of(Failure(kind), is_about_size=is_about_size) is None


def test_unknown_outcome_has_the_code_of_its_cause() -> None:
    codings = (("http://elsewhere", "5003"), (ERROR_CODE_SYSTEM, "upstream-reset"))
    failure = Failure(catalog.WRITE_OUTCOME_UNKNOWN, codings=codings)
    assert refusal_of(failure, is_about_size=True) == SqlAnswer(refusal="upstream-reset")
    refused = Failure(halo_sql.QUERY_REFUSED, codings=codings)
    assert refusal_of(refused, is_about_size=True) == SqlAnswer(refusal="sql-refused")
    alone = refusal_of(Failure(catalog.WRITE_OUTCOME_UNKNOWN), is_about_size=True)
    assert alone == SqlAnswer(refusal="write-outcome-unknown")


@pytest.mark.parametrize(
    ("code", "message", "is_undeclared"),
    [
        (137, "in other words", True),
        (0, 'Must declare the scalar variable "@value".', True),
        (207, "Invalid column name", False),
    ],
)
def test_undeclared_parameter_is_recognised(code: int, message: str, is_undeclared: bool) -> None:
    answer = refusal_of(_database_failure(code, message), is_about_size=False)
    assert answer == SqlAnswer(refusal="sql-refused", is_undeclared=is_undeclared)
