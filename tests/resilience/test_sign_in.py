"""Requests before a sign-in."""

import pytest
from support.requests import fhir_request

from gateway.fhir.interaction import NOT_FHIR
from gateway.resilience.sign_in import address_of, is_token_request, precedes_sign_in

TOKEN = (("authorization", "Bearer t"),)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "auth/token", True),
        ("POST", "oauth/Token", True),
        ("POST", "token", True),
        ("GET", "auth/token", False),
        ("POST", "api/token/1", False),
        ("POST", "api/tokens", False),
    ],
)
def test_post_to_a_token_endpoint_asks_for_a_token(method: str, path: str, expected: bool) -> None:
    request = fhir_request().replace(method=method, path=path, interaction=NOT_FHIR, headers=TOKEN)
    assert is_token_request(request) is precedes_sign_in(request) is expected


def test_request_without_a_credential_precedes_the_sign_in() -> None:
    request = fhir_request(client_address="192.0.2.1")
    assert precedes_sign_in(request)
    assert not precedes_sign_in(request.replace(headers=TOKEN))
    assert address_of(request) == "192.0.2.1"


def test_resource_of_a_fhir_server_is_no_token() -> None:
    assert not is_token_request(fhir_request("Patient", method="POST", headers=TOKEN))
