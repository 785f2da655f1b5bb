"""Requests for a token: POST to an endpoint called `token`, as OAuth 2.0 has it (RFC 6749 section 3.2)."""

from gateway.exchange import FhirRequest


def is_token_request(request: FhirRequest) -> bool:
    """Whether a request asks for a token; a FHIR request never does."""
    return (
        request.interaction.code == "other"
        and request.method == "POST"
        and request.path.rpartition("/")[2].lower() == "token"
    )
