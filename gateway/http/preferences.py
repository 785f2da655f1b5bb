"""Preferences of a request (RFC 7240; R4 http.html, search.html 3.1.1.3.1)."""

import re

from gateway.exchange import FhirRequest

#: One preference up to a comma outside quotes, and its name and value up to a semicolon.
_PREFERENCE = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+"?)++')
_NAME_AND_VALUE = re.compile(r'\s*([^\s=";]++)\s*(?:=\s*(?:"((?:[^"\\]++|\\.)*+)"|([^\s;"]*+))\s*)?(?:;|\Z)')
_DIGITS = re.compile(r"0*(\d*)", re.ASCII)
#: Digits of a number that are read; whoever wants to wait longer wants the longest wait.
_MAX_DIGITS = 9


def requires_strict_handling(request: FhirRequest) -> bool:
    """Whether the client wants an error for a parameter that is not used: `Prefer: handling=strict`."""
    return _preferences(request).get("handling") == "strict"


def accepts_asynchronous_response(request: FhirRequest) -> bool:
    """Whether the client wants 202 and a status URL: `Prefer: respond-async`."""
    return "respond-async" in _preferences(request)


def preferred_wait(request: FhirRequest) -> int | None:
    """Seconds of the first `Prefer: wait=N` (RFC 7240 section 4.3), cut to nine digits; None if not valid."""
    value = _preferences(request).get("wait", "")
    seconds = _DIGITS.fullmatch(value) if value else None
    return int(seconds[1][:_MAX_DIGITS] or "0") if seconds else None


def _preferences(request: FhirRequest) -> dict[str, str]:
    """Values by name, in lower case; of equal names the first counts (RFC 7240 section 2)."""
    fields = ",".join(value for name, value in request.headers if name == "prefer").lower()
    found = (_NAME_AND_VALUE.match(text) for text in _PREFERENCE.findall(fields)) if fields else ()
    pairs = [(match[1], match[2] or match[3] or "") for match in found if match]
    return dict(reversed(pairs))
