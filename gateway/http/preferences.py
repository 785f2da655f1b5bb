"""Preferences of a request (RFC 7240; R4 http.html, search.html 3.1.1.3.1)."""

from gateway.exchange import FhirRequest


def requires_strict_handling(request: FhirRequest) -> bool:
    """Whether the client wants an error for a parameter that is not used: `Prefer: handling=strict`."""
    return "handling=strict" in request.header("prefer").replace(" ", "").replace('"', "").lower()


def accepts_asynchronous_response(request: FhirRequest) -> bool:
    """Whether the client wants 202 and a status URL: `Prefer: respond-async`."""
    return "respond-async" in request.header("prefer").lower()
