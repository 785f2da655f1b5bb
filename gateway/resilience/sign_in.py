"""Requests of callers who have not signed in yet: they send no credential, or ask for a token."""

from gateway.exchange import FhirRequest
from gateway.http.callers import credential
from gateway.http.token_requests import is_token_request


def precedes_sign_in(request: FhirRequest) -> bool:
    """Whether nothing proves who sends a request: it asks for a token, or has no credential."""
    return is_token_request(request) or not credential(request.headers)


def address_of(request: FhirRequest) -> str:
    """Address of the client, which is all that is known of it before it has signed in."""
    return request.client_address
