"""Order and selection of practices: those with a problem first."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from gateway.admin.dashboard.wording import NONE

#: Practices on one page of the list.
PAGE_SIZE: Final = 100
#: Maximum number of pages that a query can name.
_MAX_PAGE: Final = 1_000_000


class PracticeState(NamedTuple):
    """State of a practice for a person; `rank` is 0 for the worst, and `level` a class of the stylesheet."""

    rank: int
    level: str
    text: str
    reason: str = ""
    since: str | None = None


_FINE: Final = PracticeState(9, "pass", "serving")


def practice_state(site: dict[str, Any]) -> PracticeState:
    """Return the state of a site in the JSON of `/admin/sites`."""
    reason, since = site["reason"] or "", site["lastFailureAt"]
    if site["state"] == "open":
        return PracticeState(0, "fail", "circuit open", reason, since)
    if site["pauses"]:
        pause = site["pauses"][0]
        return PracticeState(1, "fail", "paused", pause["reason"], pause["since"])
    if site["state"] == "half-open":
        return PracticeState(2, "warn", "next request is a trial", reason, since)
    if site["configured"] and _lacks_time_zone(site):
        return PracticeState(3, "fail", "no time zone", "requests are refused")
    if site["failures"]:
        return PracticeState(4, "warn", "failing", reason, since)
    return PracticeState(5, "warn", "requests wait") if site["waiting"] else _FINE


def _lacks_time_zone(site: dict[str, Any]) -> bool:
    return bool((site["dates"] if "dates" in site else site["datesVerifiedBy"]) is None)


def problems_first(sites: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sites in the order of their states, then of their names."""
    return sorted(sites, key=lambda site: (practice_state(site).rank, site["name"].lower(), site["site"]))


def with_problem(sites: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sites with a problem, the worst first."""
    return [site for site in problems_first(sites) if practice_state(site).rank != _FINE.rank]


class Page(NamedTuple):
    """One page of a list; `number` and `page_count` from 1."""

    items: Sequence[dict[str, Any]]
    number: int
    page_count: int


def page_number(text: str) -> int:
    """Return the number of a page; 1 if the text is none."""
    is_number = text.isascii() and text.isdigit() and len(text) < len(str(_MAX_PAGE))
    return max(int(text), 1) if is_number else 1


def page_of(items: Sequence[dict[str, Any]], number: int, found: int) -> Page:
    """Return a page by its number, or the last; `items`: those found, at least up to that page."""
    count = max(1, -(-found // PAGE_SIZE))
    page = min(number, count)
    return Page(items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE], page, count)


def dates_text(site: dict[str, Any]) -> str:
    """Return by what the practice's clock is known."""
    return site["datesVerifiedBy"] or NONE
