"""Order and selection of practices: those with a problem first."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from gateway.admin.dashboard.wording import NONE
from gateway.admin.site_briefs import Trouble, trouble_of

#: Practices on one page of the list.
PAGE_SIZE: Final = 100
#: Maximum number of pages that a query can name.
_MAX_PAGE: Final = 1_000_000


class PracticeState(NamedTuple):
    """State of a practice for a person; `level` is a class of the stylesheet."""

    trouble: Trouble
    level: str
    text: str
    reason: str
    since: str | None


_TEXTS: Final = {
    Trouble.CIRCUIT_OPEN: ("fail", "circuit open"),
    Trouble.PAUSED: ("fail", "paused"),
    Trouble.TRIAL: ("warn", "next request is a trial"),
    Trouble.NO_TIME_ZONE: ("fail", "no time zone"),
    Trouble.FAILING: ("warn", "failing"),
    Trouble.WAITING: ("warn", "requests wait"),
    Trouble.NONE: ("pass", "serving"),
}
_WITHOUT_FAILURE: Final = frozenset({Trouble.WAITING, Trouble.NONE})


def practice_state(site: dict[str, Any]) -> PracticeState:
    """Return the state of a site in the JSON of `/admin/sites`."""
    trouble = trouble_of(
        site["state"],
        site["failures"],
        is_paused=bool(site["pauses"]),
        lacks_zone=site["configured"] and _lacks_time_zone(site),
        is_waiting=site["waiting"] > 0,
    )
    return PracticeState(trouble, *_TEXTS[trouble], *_reason_and_time(site, trouble))


def _reason_and_time(site: dict[str, Any], trouble: Trouble) -> tuple[str, str | None]:
    if trouble is Trouble.PAUSED:
        pause = site["pauses"][0]
        return pause["reason"], pause["since"]
    if trouble is Trouble.NO_TIME_ZONE:
        return "requests are refused", None
    return ("", None) if trouble in _WITHOUT_FAILURE else (site["reason"] or "", site["lastFailureAt"])


def _lacks_time_zone(site: dict[str, Any]) -> bool:
    return bool((site["dates"] if "dates" in site else site["datesVerifiedBy"]) is None)


def problems_first(sites: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sites in the order of their states, then of their names."""
    return sorted(sites, key=lambda site: (practice_state(site).trouble, site["name"].lower(), site["site"]))


def with_problem(sites: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sites with a problem, the worst first."""
    return [site for site in problems_first(sites) if practice_state(site).trouble is not Trouble.NONE]


def page_number(text: str) -> int:
    """Return the number of a page; 1 if the text is none."""
    is_number = text.isascii() and text.isdigit() and len(text) < len(str(_MAX_PAGE))
    return max(int(text), 1) if is_number else 1


def page_count(found: int) -> int:
    """Return the number of pages of a list; an empty one has one."""
    return max(1, -(-found // PAGE_SIZE))


def dates_text(site: dict[str, Any]) -> str:
    """Return by what the practice's clock is known."""
    return site["datesVerifiedBy"] or NONE
