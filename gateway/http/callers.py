"""Which caller a request is of: fingerprints of its credentials, and background work."""

import hashlib
import re

from gateway.exchange import Headers
from gateway.http.headers import CREDENTIALS

_DEVICE_HEADERS = ("ocp-apim-subscription-key", "deviceid")


_BACKGROUND_PRIORITY = re.compile(r"(?:^|,)\s*u=7\s*(?:[,;]|$)")


def ledger_label(headers: Headers) -> str:
    """Eight hexadecimal digits for who asks, from the credentials; empty without any.

    A desktop token is renewed while its device stays, so there the device counts.
    """
    found = dict(each for each in reversed(headers) if each[0] in CREDENTIALS)
    parts = [found.get(name, "") for name in _DEVICE_HEADERS]
    # Each part with its length: no two sets of credentials give the same text.
    secret = (
        "".join(f"{len(part)} {part}" for part in parts) if any(parts) else found.get("authorization", "")
    )
    return hashlib.sha256(b"ledger\0" + secret.encode()).hexdigest()[:8] if secret else ""


def is_background(headers: Headers) -> bool:
    """Whether a request calls itself background work: `Priority: u=7` (RFC 9218 section 4.1)."""
    return any(name == "priority" and _BACKGROUND_PRIORITY.search(value) for name, value in headers)
