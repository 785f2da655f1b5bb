"""Requests of callers who have not signed in yet: they ask for a token, or send no credential."""

from gateway.exchange import FhirRequest
from gateway.http.callers import credential, keyed_hash
from gateway.http.token_requests import is_token_request
from gateway.resilience.fair_queue import QueueTicket


def is_sign_in(request: FhirRequest, token_path: str) -> bool:
    """Whether a request asks for a token at the endpoint of the upstream's dialect."""
    path = request.path.lower().removeprefix("~/")
    return path == token_path and is_token_request(request)


def is_anonymous(request: FhirRequest) -> bool:
    """Whether a request has no credential."""
    return not credential(request.headers)


def address_ticket(request: FhirRequest, secret: bytes) -> QueueTicket:
    """Place in the queue of a client address, for requests without a credential."""
    return QueueTicket(keyed_hash(f"address {address_of(request)}", secret))


def address_of(request: FhirRequest) -> str:
    """Address of the client, which is all that is known of it before it has signed in."""
    return request.client_address
