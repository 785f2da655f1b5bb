"""Signature of a webhook: HMAC-SHA256 over `<body>.<timestamp>`, in lower-case hexadecimal digits."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime

#: Unix time in seconds or milliseconds: Halo does not document its form.
_SECONDS = re.compile(r"\d{9,11}(?:\.\d{1,9})?", re.ASCII)
_MILLISECONDS = re.compile(r"\d{12,14}", re.ASCII)
#: An instant with an offset (ISO 8601, RFC 3339).
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def signature_of(secret: str, body: bytes, timestamp: str) -> str:
    """Return the signature of a body at a time; `timestamp` as it is in the header field."""
    code = hmac.new(secret.encode(), body, "sha256")
    code.update(b"." + timestamp.encode())
    return code.hexdigest()


def is_signed(secrets: Sequence[str], body: bytes, timestamp: str, signature: str) -> bool:
    """Whether one of the secrets gives the signature, in a time that does not depend on the difference."""
    expected = [signature_of(secret, body, timestamp).encode() for secret in secrets]
    return any(hmac.compare_digest(each, signature.encode()) for each in expected)


def parse_timestamp(text: str) -> float | None:
    """Return the seconds since 1970 of Unix seconds, milliseconds, or an instant; None for any other text."""
    if _SECONDS.fullmatch(text):
        return float(text)
    if _MILLISECONDS.fullmatch(text):
        return int(text) / 1000
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def is_recent(timestamp: str, now: float, max_age: float) -> bool:
    """Whether a time is at most `max_age` seconds before or after now."""
    seconds = parse_timestamp(timestamp)
    return seconds is not None and abs(now - seconds) <= max_age
