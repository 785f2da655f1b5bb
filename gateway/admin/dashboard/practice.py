"""Page of one practice."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from gateway.admin.dashboard.charts import charts
from gateway.admin.dashboard.forms import pause_button, purge_form, reset_button
from gateway.admin.dashboard.practice_states import practice_state
from gateway.admin.dashboard.tables import Cell, Column, NumberColumn, missing_note, table
from gateway.admin.dashboard.wording import NONE, bytes_text, count_text, share_text, time_text
from gateway.sites.mounted_names import guid_in, mount_in

Fields = dict[str, Any]
_SECTION_HTML = Markup('<section id="{id}">\n<h2>{title}</h2>\n{body}</section>\n')
_HEAD_HTML = Markup(
    '<h1>{name}</h1>\n<p><code>{guid}</code> · <span class="{level}">{state}</span> {reason}</p>\n{facts}'
)
_SHARED_HTML = Markup(
    '<p class="note">Counts of use, and a purge, are those of the practice at all upstreams together.</p>\n'
)
_FACT_HTML = Markup("<dt>{}</dt><dd>{}</dd>\n")
_ISSUE_STATES = {
    "broken": "seen, and mended unless its repair is off",
    "right": "not there",
    "unknown": "not known yet",
}


def practice(site: Fields, history: Fields, today: Fields | str, root: str, token: str) -> Markup:
    """Return the page; the JSON of `/admin/sites`, `/admin/history` and `/admin/ledger` for one practice."""
    name = site["site"]
    sections = (
        ("hours", "Last six hours", charts(history)),
        ("today", "Today", _use(today)),
        ("pauses", "Pauses", _pauses(site, root, token)),
        ("issues", "Known issues", _issues(site["knownIssues"]["issues"])),
        ("clock", "Clock", _clock(site["dates"])),
        ("sizes", "Page sizes", _page_sizes(site["pageSizes"])),
        ("reset", "Reset", reset_button(name, root, token)),
        ("purge", "Purge", purge_form(root, token, guid_in(name))),
    )
    note = _SHARED_HTML if mount_in(name) else Markup()
    return (
        _head(site)
        + missing_note(history)
        + note
        + Markup().join(_SECTION_HTML.format(id=id_, title=title, body=body) for id_, title, body in sections)
    )


def _head(site: Fields) -> Markup:
    state = practice_state(site)
    since = f"since {time_text(state.since)} UTC" if state.since else ""
    facts = {
        "Engine": site["knownIssues"]["engine"] or NONE,
        "In flight, waiting": f"{site['running']:,}, {site['waiting']:,}",
        "Circuit permits a request again": f"in {site['secondsLeft']} s" if site["secondsLeft"] else NONE,
        "Retries in the last hour, left": f"{site['retries']['spent']:,}, {site['retries']['left']:,}",
        "New GUID": site["successor"] or NONE,
    }
    rows = Markup().join(_FACT_HTML.format(*fact) for fact in facts.items())
    return _HEAD_HTML.format(
        name=site["name"],
        guid=site["site"],
        level=state.level,
        state=state.text,
        reason=" ".join(filter(None, (state.reason, since))),
        facts=Markup('<dl class="facts">\n{}</dl>\n').format(rows),
    )


def _use(today: Fields | str) -> Markup:
    if isinstance(today, str):
        return Markup('<p class="fail">{}</p>\n').format(today)
    rows = [
        (name, count_text(amounts["queries"]), bytes_text(amounts["bytes"]))
        for name, amounts in today["totals"].items()
        if amounts["queries"]
    ]
    columns = (Column("Class"), NumberColumn("Queries"), NumberColumn("Bytes"))
    saved = Markup("<p>Saved: {} of all queries.</p>\n").format(share_text(today["savedShare"]))
    return saved + table("Use of today", columns, rows, "No request today.")


def _pauses(site: Fields, root: str, token: str) -> Markup:
    rows = [
        (
            each["rule"],
            each["scope"],
            each["reason"],
            time_text(each["until"]),
            pause_button(each, root, token),
        )
        for each in site["pauses"]
    ]
    columns = tuple(map(Column, ("Rule", "Applies to", "Reason", "Until (UTC)", "Action")))
    return table("Pauses", columns, rows, "Nothing is paused.")


def _issues(issues: list[Fields]) -> Markup:
    order = list(_ISSUE_STATES)
    rows: list[tuple[Cell, ...]] = [
        (
            Markup("<code>{}</code>").format(each["issue"]),
            _ISSUE_STATES[each["state"]],
            time_text(each["since"]),
            each["source"] or NONE,
        )
        for each in sorted(issues, key=lambda each: (order.index(each["state"]), each["issue"]))
    ]
    columns = tuple(map(Column, ("Issue", "State", "Since (UTC)", "Known by")))
    return table("Known issues", columns, rows, "No issue is known for this upstream.")


def _clock(dates: Fields | None) -> Markup:
    if dates is None:
        return Markup('<p class="fail">No time zone is configured: requests are refused.</p>\n')
    rows = [
        ("Verified by", dates["verifiedBy"] or "never probed"),
        ("Clocks (and of how many parameters)", _values(dates["clocks"])),
        ("Precision (and of how many)", _values(dates["precision"])),
        ("Periods", str(dates["periods"])),
    ]
    return table("Clock", (Column("Fact"), Column("Known")), rows, "")


def _values(by_parameter: Mapping[str, str]) -> str:
    """Return each value with its number of parameters, the most frequent first."""
    counts = Counter(by_parameter.values()).most_common()
    return ", ".join(f"{value} ({number})" for value, number in counts) or "nothing stated"


def _page_sizes(sizes: list[Fields]) -> Markup:
    rows = [
        (
            each["search"],
            count_text(each["fits"]),
            count_text(each["fails"]),
            count_text(each["bytesPerMatch"]),
        )
        for each in sizes
    ]
    columns = (
        Column("Search"),
        NumberColumn("Fits"),
        NumberColumn("Is too large"),
        NumberColumn("Bytes per match"),
    )
    return table("Page sizes", columns, rows, "No page was too large.")
