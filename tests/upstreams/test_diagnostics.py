"""Diagnostics of an upstream error."""

from time import process_time

import pytest
from support.dialects import request, response
from support.requests import fhir_request

from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.upstreams.diagnostics import Diagnostics, redact_request_values, upstream_codings
from gateway.upstreams.error_rule import UpstreamError
from gateway.upstreams.failures import NOT_FHIR, SERVER_ERROR
from gateway.upstreams.response_check import ResponseCheck


def _text(error: UpstreamError, *headers: tuple[str, str], status: int = 500) -> str:
    check = ResponseCheck(request(), response(status, b"x", *headers))
    kind = NOT_FHIR if status == 200 else SERVER_ERROR
    return Diagnostics("halo-connect", check, error, kind).as_text("masked")


def test_unreadable_success_shows_type_shape_and_expectation() -> None:
    text = _text(UpstreamError("html"), ("content-type", "text/html; charset=x"), status=200)
    assert "content-type=text/html shape=html expected=Bundle" in text


def test_type_code_and_exception_have_the_upstreams_spelling() -> None:
    error = UpstreamError("details", error_type="halolink", error_code="1", exception="SqlExecutionFailed")
    assert "type=haloLink code=1 exception=SqlExecutionFailed" in _text(error)
    assert [code for _, code in upstream_codings(error)] == ["haloLink-1", "SqlExecutionFailed"]


def test_upstream_cannot_report_a_code_of_the_gateway() -> None:
    error = UpstreamError("outcome", codings=((ERROR_CODE_SYSTEM, "practice-offline"), ("urn:x", "1")))
    assert upstream_codings(error) == (("urn:x", "1"),)


@pytest.mark.parametrize("name", ["Zzyzx", "2950123451", "Zzyzx died", "zzyzx", "WillPage", "JohnSmith"])
def test_value_that_is_no_exception_name_is_omitted(name: str) -> None:
    error = UpstreamError("details", error_type=name, error_code=name, exception=name)
    assert name not in _text(error, ("x-request-id", name))
    assert upstream_codings(error) == ()


def redacted_values(query: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> str:
    return redact_request_values(message, fhir_request("Patient", query, headers=headers))


@pytest.mark.parametrize(
    ("query", "message", "redacted"),
    [
        ("family=Zzyzx", "No ZZYZX here", "No … here"),
        ("family=Zzyzx", "No Zzyzxes here", "No …es here"),
        ("family=Ng", "No ng in Nguyen", "No … in Nguyen"),
        ("name=Will%20Page", "Page, Will and Will Page", "…, … and …"),
        ("identifier=http://x.example/id|2950123451", "number 2950123451", "number …"),
        ("family=x", "x is short", "x is short"),
        (
            "_sort=-birthdate&_include=Patient:organization",
            "Patient.birthDate birthdate",
            "Patient.birthDate birthdate",
        ),
        ("_sort=Zzyzx", "Zzyzx", "…"),
        ("", "No Zzyzx", "No Zzyzx"),
    ],
)
def test_search_values_and_their_words_are_replaced(query: str, message: str, redacted: str) -> None:
    assert redacted_values(query, message) == redacted


def test_credentials_are_replaced() -> None:
    headers = (("authorization", "Bearer zz9"), ("ocp-apim-subscription-key", "k-1"))
    assert redacted_values("", "key k-1 or zz9", headers) == "key … or …"


def test_time_is_linear_in_the_number_of_parameters() -> None:
    query = "&".join(f"family=Zzyzx{number}" for number in range(5_000))
    request = fhir_request("Patient", query)
    start = process_time()
    assert redact_request_values("No Zzyzx4999 here. " * 50, request) == "No … here. " * 50
    assert process_time() - start < 0.5
