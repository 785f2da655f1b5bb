"""Known issues without a repair: the size limit, and parameters of stored procedures."""

from typing import Any

import msgspec
import pytest
from support.requests import GUID, fhir_request

from gateway.errors.failure import Failure
from gateway.fhir.interaction import NOT_FHIR
from gateway.repairs import KNOWN_ISSUES, REPAIRS
from gateway.repairs.further_issues import (
    FURTHER_ISSUES,
    sql_site,
    witness_size_limit,
    witness_sql_parameters,
)
from gateway.repairs.witness import UpstreamAnswer
from gateway.upstreams.halo_failures import OFFLINE, QUERY_FAILED, RESULT_TOO_LARGE

SQL = fhir_request("Patient/1").replace(
    path=f"integrator/sites/{GUID}/queries/immediate", interaction=NOT_FHIR, site=None
)


def stored_procedure(type_: str, value: str, command_type: str = "storedProcedure") -> bytes:
    command = {"text": "sp_X", "type": command_type, "parameters": [{"type": type_, "value": value}]}
    return msgspec.json.encode({"command": command})


def test_every_known_issue_has_its_own_id() -> None:
    ids = [issue.id for issue in KNOWN_ISSUES]
    assert len(set(ids)) == len(ids) == len(REPAIRS) + len(FURTHER_ISSUES)


def test_too_large_result_shows_the_limit() -> None:
    answer = UpstreamAnswer(failure=Failure(RESULT_TOO_LARGE))
    assert list(witness_size_limit(SQL, answer)) == [("", "broken")]
    assert not list(witness_size_limit(SQL, UpstreamAnswer(failure=Failure(OFFLINE))))


def test_larger_response_than_documented_is_right() -> None:
    assert list(witness_size_limit(SQL, UpstreamAnswer(8_000_001))) == [("", "right")]
    assert not list(witness_size_limit(SQL, UpstreamAnswer(8_000_000)))


def test_conversion_problem_counts_in_the_upstreams_own_words_only() -> None:
    text = "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast"
    own = UpstreamAnswer(failure=Failure(QUERY_FAILED, own_words=text))
    repeated = UpstreamAnswer(failure=Failure(QUERY_FAILED, diagnostics=text))
    assert list(witness_sql_parameters(SQL, own)) == [("", "broken")]
    assert not list(witness_sql_parameters(SQL, repeated))
    assert not list(witness_sql_parameters(fhir_request("Patient/1"), own))


@pytest.mark.parametrize(
    ("body", "verdicts"),
    [
        (stored_procedure("VarBinary", "0" * 16_001), [("", "right")]),
        (stored_procedure("NVarChar", "x" * 4_001), [("", "right")]),
        (stored_procedure("NVarChar", "x" * 4_000), []),
        (stored_procedure("Int", "1" * 9_000), []),
        (stored_procedure("NVarChar", "x" * 4_001, "text"), []),
        (b'{"command": {"type": "storedProcedure", "parameters": [7, {"type": 1}]}}', []),
        (b'{"command": ["storedProcedure"]}', []),
        (b"storedProcedure", []),
    ],
)
def test_large_parameter_that_ran_is_right(body: bytes, verdicts: list[Any]) -> None:
    assert list(witness_sql_parameters(SQL.replace(body=body), UpstreamAnswer(10))) == verdicts


def test_registered_query_is_read_too() -> None:
    inner = msgspec.json.decode(stored_procedure("NVarChar", "x" * 5_000))
    body = msgspec.json.encode({"name": "n", "registerCommand": inner})
    assert list(witness_sql_parameters(SQL.replace(body=body), UpstreamAnswer(10))) == [("", "right")]


@pytest.mark.parametrize(
    ("path", "guid"),
    [
        (f"integrator/sites/{GUID.upper()}/queries/async", GUID),
        (f"desktop/sites/{GUID}/queries/immediate", GUID),
        (f"integrator/sites/{GUID}", ""),
        ("integrator/sites/x/queries/immediate", ""),
    ],
)
def test_site_of_a_query_is_in_its_path(path: str, guid: str) -> None:
    assert sql_site(SQL.replace(path=path)) == guid
