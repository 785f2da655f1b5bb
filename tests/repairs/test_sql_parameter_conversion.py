"""Refusal of parameters: how it is recognised, in whose words, and what answers say about the issue."""

from typing import Any

import msgspec
import pytest
from conftest import Pair
from support.requests import fhir_request, json_response
from support.sql import LARGE, REFUSAL_TEXT, parameter, query, refusal, refused, registration, sql_request

from gateway.emulator.sites import SYDNEY
from gateway.errors.failure import Failure
from gateway.repairs.sql_parameter_conversion import contains_refusal, is_refusal, witness_sql_parameters
from gateway.repairs.witness import MAX_BODY_BYTES, UpstreamAnswer
from gateway.upstreams.halo_failures import QUERY_FAILED
from gateway.upstreams.halo_sql import VALUE_REFUSED


def details(kind: str, text: str = REFUSAL_TEXT, **more: Any) -> Any:
    error = {"errorType": kind, "errorCode": 2, "errorMessage": text}
    return json_response({"errorDetails": error, **more}, 200 if more else 400)


@pytest.mark.parametrize(
    "response",
    [refusal(), details("haloLink"), details("http"), details("http", REFUSAL_TEXT.partition(" Please")[0])],
)
def test_documented_text_is_the_refusal(response: Any) -> None:
    assert is_refusal(refused(response))


@pytest.mark.parametrize(
    "response",
    [
        details("mssql"),
        details("fbsql"),
        json_response({"errorCode": 50_000, "errorMessage": REFUSAL_TEXT}, 400),
        refusal(status=500),
        refusal(status=200),
        refusal("Failed to convert parameter value from a String to a Int32."),
        refusal(f"Error 50000: {REFUSAL_TEXT}"),
        refusal(REFUSAL_TEXT.lower()),
        json_response({}, 400),
        json_response({"message": REFUSAL_TEXT}, 400),
    ],
)
def test_any_other_answer_is_not(response: Any) -> None:
    assert not is_refusal(refused(response))
    assert not is_refusal(Failure(VALUE_REFUSED))


def test_poll_says_it_with_status_200() -> None:
    failure = Failure(QUERY_FAILED, upstream_response=details("haloLink", status="executionFailed"))
    assert is_refusal(failure, is_poll=True)
    assert not is_refusal(failure)
    assert not is_refusal(refused(), is_poll=True)
    assert not is_refusal(refused(refusal(status=200)), is_poll=True)


@pytest.mark.parametrize("before", [0, 60_000, 65_500, 65_536, 200_000])
@pytest.mark.parametrize(
    "text",
    [
        REFUSAL_TEXT,
        REFUSAL_TEXT.upper(),
        "Failed'+' to con'+'vert parameter value",
        "Failed\nto\tconvert parameter value",
        "\\u0046ailed to c\\u006Fnvert p\\u0061rameter value",
    ],
)
def test_words_of_the_request_are_found_in_any_spelling(text: str, before: int) -> None:
    body = b"0" * before + msgspec.json.encode(text).replace(b"\\\\u", b"\\u") + b"0" * 70_000
    assert contains_refusal(body)


@pytest.mark.parametrize(
    "body", [b"", b"Failed to convert", b"A" * 300_000, b"failed convert parameter value"]
)
def test_other_words_are_not_the_refusal(body: bytes) -> None:
    assert not contains_refusal(body)


def test_refusal_in_the_upstreams_own_words_is_broken() -> None:
    request = sql_request("immediate", query())
    repeated = UpstreamAnswer(failure=Failure(VALUE_REFUSED, upstream_response=refusal()))
    assert list(witness_sql_parameters(request, UpstreamAnswer(failure=refused()))) == [("", "broken")]
    assert not list(witness_sql_parameters(request, repeated))
    assert not list(witness_sql_parameters(fhir_request("Patient/1"), UpstreamAnswer(failure=refused())))
    assert not list(witness_sql_parameters(sql_request("status"), UpstreamAnswer(failure=refused())))


@pytest.mark.parametrize(
    ("body", "verdicts"),
    [
        (query(parameter("@a", "VarBinary", "0" * 16_001)), [("", "right")]),
        (query(parameter("@a", "NVarChar", "x" * 4_001)), [("", "right")]),
        (registration(query(parameter("@a", "NVarChar", "x" * 4_001))), [("", "right")]),
        (query(parameter("@a", "NVarChar", "x" * 4_000)), []),
        (query(parameter("@a", "Int", "1" * 9_000)), []),
        (query(parameter("@a", "NVarChar", "storedProcedure" * 300), type_="text"), []),
        (query(parameter("@a", "NVarChar", "x" * MAX_BODY_BYTES)), []),
        (b'{"command": {"type": "storedProcedure", "parameters": [7, {"type": 1}]}}', []),
        (b'{"command": ["storedProcedure"], "registerCommand": 1}', []),
        (b"storedProcedure", []),
    ],
)
def test_large_parameter_that_ran_is_right(body: bytes, verdicts: list[Any]) -> None:
    assert list(witness_sql_parameters(sql_request("async", body), UpstreamAnswer(10))) == verdicts


def is_repaired(pair: Pair, straight: bool) -> bool:
    url = pair.emulator.url if straight else pair.url
    body = query(
        parameter("@PatientId", "Int", "1"),
        parameter("@Title", "NVarChar", "Synthetic letter"),
        parameter("@Content", "VarBinary", LARGE),
        parameter("@DocumentId", "Int", direction="output"),
    )
    path = f"/integrator/sites/{SYDNEY}/queries/immediate"
    return pair.ask("POST", url + path, body, content_type="application/json").status_code == 200
