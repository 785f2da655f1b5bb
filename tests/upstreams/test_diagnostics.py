import pytest
from support.dialects import request, response

from gateway.upstreams.diagnostics import Diagnostics, upstream_codings
from gateway.upstreams.error_rule import UpstreamError
from gateway.upstreams.failures import NOT_FHIR, SERVER_ERROR
from gateway.upstreams.response_check import ResponseCheck


def _text(error: UpstreamError, *headers: tuple[str, str], status: int = 500) -> str:
    answer = ResponseCheck(request(), response(status, b"x", *headers))
    return Diagnostics("halo-connect", answer, error, NOT_FHIR if status == 200 else SERVER_ERROR).as_text(
        "masked"
    )


def test_an_unreadable_success_says_what_it_was() -> None:
    text = _text(UpstreamError("html"), ("content-type", "text/html; charset=x"), status=200)
    assert "content-type=text/html shape=html expected=Bundle" in text


def test_type_code_and_exception_are_shown_in_the_upstreams_spelling() -> None:
    error = UpstreamError("details", error_type="halolink", error_code="1", exception="SqlExecutionFailed")
    assert "type=haloLink code=1 exception=SqlExecutionFailed" in _text(error)
    assert [code for _, code in upstream_codings(error)] == ["haloLink-1", "SqlExecutionFailed"]


@pytest.mark.parametrize("name", ["Zzyzx", "2950123451", "Zzyzx died", "zzyzx"])
def test_what_is_no_name_of_an_exception_is_left_out(name: str) -> None:
    error = UpstreamError("details", error_type=name, error_code=name, exception=name)
    assert name not in _text(error, ("x-request-id", name + " " + name))
    assert upstream_codings(error) == ()
