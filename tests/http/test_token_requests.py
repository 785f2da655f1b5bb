"""Requests for a token."""

import pytest
from support.requests import fhir_request

from gateway.fhir.interaction import NOT_FHIR
from gateway.http.token_requests import is_token_request


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "auth/token", True),
        ("POST", "oauth/Token", True),
        ("POST", "~/oauth/token", True),
        ("POST", "token", True),
        ("GET", "auth/token", False),
        ("POST", "api/token/1", False),
        ("POST", "api/tokens", False),
    ],
)
def test_post_to_a_token_endpoint_asks_for_a_token(method: str, path: str, expected: bool) -> None:
    request = fhir_request().replace(method=method, path=path, interaction=NOT_FHIR)
    assert is_token_request(request) is expected


def test_resource_of_a_fhir_server_is_no_token() -> None:
    assert not is_token_request(fhir_request("Patient", method="POST"))
