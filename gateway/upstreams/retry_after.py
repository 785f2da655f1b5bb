"""Waiting time that an upstream states, in Retry-After (RFC 9110 section 10.2.3) or in its error text."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_UNIT_SECONDS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3_600}
_WAIT_TEXT = re.compile(
    r"(?i)\b(?:again|retry|wait|after|in)\b\D{0,20}?\b(\d{1,7})\s*(second|sec|minute|min|hour)s?\b"
    r"|replenished\s+in\s+(?:(\d{1,3})\.)?(\d{1,3}):(\d{2}):(\d{2})"
)
#: A rolling window of a limit: each request counts until the window's length has passed since it was sent, so
#: that places become free all the time.
_WINDOW = re.compile(r"(?i)\brolling\s+(\d{1,3})[\s-](second|sec|minute|min|hour)s?\s+window\b")
#: Share of a rolling window after which a request is worth another try.
_PARTS_OF_WINDOW = 60


class WaitLimits(NamedTuple):
    """Maximum seconds that an upstream's wait counts: in Retry-After, and in words.

    Quotas reset daily, so a field may name a day; words are less certain, so they count as long as a circuit
    may stay open.
    """

    header: float = 86_400
    text: float = 300

    def for_kind(self, retry_after: int | None) -> "WaitLimits":
        """Return the limits for a kind of failure whose own advice may be longer than words count."""
        return self._replace(text=max(self.text, retry_after or 0))


DEFAULT_LIMITS = WaitLimits()


def retry_after_seconds(header: str, text: str, now: datetime, limits: WaitLimits) -> int | None:
    """Whole seconds (at least 1) from a Retry-After field, else from a message's text, else None."""
    seconds, limit = _from_header(header.strip(), now), limits.header
    if seconds is None:
        seconds, limit = _from_text(text), limits.text
    return None if seconds is None else max(1, math.ceil(min(limit, seconds)))


def _from_header(header: str, now: datetime) -> float | None:
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", header):
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()


def _from_text(text: str) -> float | None:
    match = _WAIT_TEXT.search(text)
    if not match:
        window = _WINDOW.search(text)
        return int(window[1]) * _UNIT_SECONDS[window[2].lower()] / _PARTS_OF_WINDOW if window else None
    amount, unit, *clock = match.groups()
    if amount:
        return int(amount) * _UNIT_SECONDS[unit.lower()]
    days, hours, minutes, seconds = (int(part or 0) for part in clock)
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds
