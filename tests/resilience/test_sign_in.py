"""Requests before a sign-in."""

from support.requests import fhir_request

from gateway.fhir.interaction import NOT_FHIR
from gateway.resilience.sign_in import address_of, precedes_sign_in

TOKEN = (("authorization", "Bearer t"),)


def test_token_request_precedes_the_sign_in_with_any_credential() -> None:
    request = fhir_request(headers=TOKEN).replace(method="POST", interaction=NOT_FHIR)
    assert precedes_sign_in(request.replace(path="auth/token"))
    assert not precedes_sign_in(request.replace(path="api/tickets"))


def test_request_without_a_credential_precedes_the_sign_in() -> None:
    request = fhir_request(client_address="192.0.2.1")
    assert precedes_sign_in(request)
    assert not precedes_sign_in(request.replace(headers=TOKEN))
    assert address_of(request) == "192.0.2.1"
