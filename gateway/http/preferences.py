"""Preferences of a request (RFC 7240; R4 http.html, search.html 3.1.1.3.1)."""

import re

from gateway.exchange import FhirRequest

_SECONDS = re.compile(r'"?(\d{1,9})"?', re.ASCII)


def requires_strict_handling(request: FhirRequest) -> bool:
    """Whether the client wants an error for a parameter that is not used: `Prefer: handling=strict`."""
    return "handling=strict" in request.header("prefer").replace(" ", "").replace('"', "").lower()


def accepts_asynchronous_response(request: FhirRequest) -> bool:
    """Whether the client wants 202 and a status URL: `Prefer: respond-async`."""
    return "respond-async" in request.header("prefer").lower()


def preferred_wait(request: FhirRequest) -> int | None:
    """Seconds of the first `Prefer: wait=N` (RFC 7240 sections 2 and 4.3); None without a valid one."""
    fields = ",".join(value for name, value in request.headers if name == "prefer").lower()
    for preference in fields.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip() == "wait":
            seconds = _SECONDS.fullmatch(value.strip())
            return int(seconds[1]) if seconds else None
    return None
