"""List of practices: search, problems first, pages."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from gateway.admin.dashboard.practice_states import (
    dates_text,
    page_count,
    practice_state,
)
from gateway.admin.dashboard.tables import Cell, Column, NumberColumn, missing_note, page_links, table
from gateway.admin.dashboard.wording import NONE, age_text, count_text, site_label

_COLUMNS = (
    Column("Practice"),
    Column("State"),
    Column("Reason"),
    Column("Since"),
    NumberColumn("In flight"),
    NumberColumn("Waiting"),
    Column("Clock known by"),
    Column("Engine"),
    NumberColumn("Issues seen and mended"),
)
_LINK_HTML = Markup('<a href="%sadmin/practices/%s">%s</a>')
_STATE_HTML = Markup('<span class="%s">%s</span>')
_SEARCH_HTML = Markup(
    '<h1>Practices</h1>\n<form method="get" role="search" class="fields">\n'
    '<label for="q">Name or GUID contains</label>\n'
    '<input id="q" name="q" type="search" value="{}" maxlength="100">\n'
    "<button>Search</button>\n</form>\n<p>{}</p>\n"
)


def practice_table(sites: Sequence[dict[str, Any]], root: str, now: str, empty: str) -> Markup:
    """Return a table of practices in the brief JSON of `/admin/sites`, in their order."""
    return table("Practices", _COLUMNS, (_cells(site, root, now) for site in sites), empty)


def _cells(site: dict[str, Any], root: str, now: str) -> tuple[Cell, ...]:
    state = practice_state(site)
    return (
        _LINK_HTML % (root, site["site"], site_label(site)),
        _STATE_HTML % (state.level, state.text),
        state.reason or NONE,
        age_text(state.since, now),
        count_text(site["running"]),
        count_text(site["waiting"]),
        dates_text(site),
        site["engine"] or NONE,
        count_text(site["brokenIssues"]),
    )


def practice_list(fields: dict[str, Any], root: str, query: str, number: int) -> Markup:
    """Return a page of the practices whose name or GUID contains the query, in the order of the JSON."""
    text = f"{fields['found']:,} of {fields['practices']:,} practices, those with a problem first."
    rows = practice_table(fields["sites"], root, fields["asOf"], "No practice matches.")
    links = page_links({"q": query}, number, page_count(fields["found"]))
    return _SEARCH_HTML.format(query, text) + missing_note(fields) + rows + links
