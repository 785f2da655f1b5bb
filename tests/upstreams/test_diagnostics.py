"""Diagnostics of an upstream error."""

import pytest
from support.dialects import request, response

from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.upstreams.diagnostics import Diagnostics, upstream_codings
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


@pytest.mark.parametrize("name", ["Zzyzx", "2950123451", "Zzyzx died", "zzyzx"])
def test_value_that_is_no_exception_name_is_omitted(name: str) -> None:
    error = UpstreamError("details", error_type=name, error_code=name, exception=name)
    assert name not in _text(error, ("x-request-id", name + " " + name))
    assert upstream_codings(error) == ()
