"""Requests before a sign-in."""

import pytest
from support.requests import fhir_request

from gateway.fhir.interaction import NOT_FHIR
from gateway.resilience.sign_in import address_of, address_ticket, is_anonymous, is_sign_in

TOKEN = (("authorization", "Bearer t"),)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("auth/token", True),
        ("Auth/Token", True),
        ("~/auth/token", True),
        ("api/tickets/token", False),
        ("oauth/token", False),
        ("auth/token/", False),
    ],
)
def test_only_token_endpoint_of_dialect_is_sign_in(path: str, *, expected: bool) -> None:
    request = fhir_request(headers=TOKEN).replace(method="POST", interaction=NOT_FHIR, path=path)
    assert is_sign_in(request, "auth/token") is expected
    assert not is_sign_in(request.replace(method="GET"), "auth/token")


def test_request_without_a_credential_is_known_by_its_address() -> None:
    request = fhir_request(client_address="192.0.2.1")
    assert is_anonymous(request)
    assert not is_anonymous(request.replace(headers=TOKEN))
    assert address_of(request) == "192.0.2.1"
    tickets = {address_ticket(fhir_request(client_address=each), b"s") for each in ("192.0.2.1", "192.0.2.2")}
    assert len(tickets) == 2
    assert not any("192" in ticket.key or ":" in ticket.key for ticket in tickets)
