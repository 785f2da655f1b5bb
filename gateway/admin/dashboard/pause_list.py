"""Pauses with a button to end each: the first of them on the first page, and a list of all in pages."""

from collections.abc import Iterable
from typing import Any, Final

from markupsafe import Markup

from gateway.admin.dashboard.forms import pause_button
from gateway.admin.dashboard.practice_states import PAGE_SIZE, page_count
from gateway.admin.dashboard.tables import Column, missing_note, page_links, table
from gateway.admin.dashboard.wording import NONE, time_text

_COLUMNS: Final = tuple(
    map(
        Column,
        ("Rule", "Applies to", "Practice", "Caller", "Reason", "Since (UTC)", "Until (UTC)", "Action"),
    )
)
_MORE_HTML = Markup(
    '<p class="note">and {:,} more</p>\n<p><a href="{}admin/pauses/list">All {:,} pauses</a></p>\n'
)
_LIST_HTML = Markup("<h1>Pauses</h1>\n<p>{:,} pauses, in the order of their names.</p>\n")


def first_pauses(fields: dict[str, Any], limit: int, root: str, token: str) -> Markup:
    """Return the first of the pauses, and a link to all if there are more."""
    shown = fields["pauses"][:limit]
    more = pause_count(fields) - len(shown)
    link = _MORE_HTML.format(more, root, more + len(shown)) if more else Markup()
    return _pause_table(shown, root, token) + link


def pause_list(fields: dict[str, Any], number: int, root: str, token: str) -> Markup:
    """Return a page of the list, of JSON that has all pauses up to its end."""
    count = pause_count(fields)
    shown = fields["pauses"][(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    links = page_links({}, number, page_count(count))
    return _LIST_HTML.format(count) + missing_note(fields) + _pause_table(shown, root, token, number) + links


def pause_count(fields: dict[str, Any]) -> int:
    """Return how many pauses there are; of several workers, at least as many as any of them has."""
    return max(int(fields["found"]), len(fields["pauses"]))


def _pause_table(pauses: Iterable[dict[str, Any]], root: str, token: str, page: int = 0) -> Markup:
    rows = (
        (
            each["rule"],
            each["scope"],
            each["siteName"] or each["upstream"] or NONE,
            each["caller"] or NONE,
            each["reason"],
            time_text(each["since"]),
            time_text(each["until"]),
            pause_button(each, root, token, page),
        )
        for each in pauses
    )
    return table("Pauses", _COLUMNS, rows, "Nothing is paused.")
