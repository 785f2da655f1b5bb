"""Numbers, times and states as the dashboard writes them."""

from datetime import datetime
from typing import Any, Final

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1_000
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
#: Stands for what is not known, or does not apply.
NONE: Final = "-"


def count_text(number: int | None) -> str:
    """Return a number with separators; a dash for None."""
    return NONE if number is None else f"{number:,}"


def bytes_text(octets: int | None) -> str:
    """Return a number of bytes in the unit that fits; a dash for None."""
    if octets is None:
        return NONE
    amount, units = float(octets), iter(_UNITS)
    unit = next(units)
    for larger in units:
        if amount < _THOUSAND:
            break
        amount, unit = amount / _THOUSAND, larger
    return f"{octets} {unit}" if unit == _UNITS[0] else f"{amount:.1f} {unit}"


def cost_text(cost: str | None, currency: str | None) -> str:
    """Return a cost with its currency; a dash without prices."""
    return f"{cost} {currency or ''}".strip() if cost is not None else NONE


def share_text(share: float) -> str:
    """Return a share from 0 to 1 in percent."""
    return f"{share:.0%}"


def time_text(timestamp: str | None) -> str:
    """Return an ISO time as day and time in UTC, such as 2026-07-01 09:05:00; a dash for None."""
    return f"{datetime.fromisoformat(timestamp):%Y-%m-%d %H:%M:%S}" if timestamp else NONE


def age_text(timestamp: str | None, now: str) -> str:
    """Return how long ago an ISO time was; a dash for None."""
    if not timestamp:
        return NONE
    seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(timestamp)).total_seconds()
    if seconds < _MINUTE:
        return "less than a minute ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    return f"{seconds // _HOUR:.0f} h ago" if seconds < _DAY else f"{seconds // _DAY:.0f} days ago"


def site_label(site: dict[str, Any]) -> str:
    """Return the name of a practice, and the beginning of its GUID if the name is another."""
    name, id_ = site["name"], site["id"]
    return name if name.endswith(id_) else f"{name} ({id_})"
