"""First page of the dashboard, from the JSON of the operators' endpoints."""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from gateway.admin.dashboard.charts import charts
from gateway.admin.dashboard.forms import purge_form
from gateway.admin.dashboard.pause_list import first_pauses
from gateway.admin.dashboard.practice_list import practice_table
from gateway.admin.dashboard.practice_states import with_problem
from gateway.admin.dashboard.tables import Column, NumberColumn, missing_note, table
from gateway.admin.dashboard.wording import (
    NONE,
    age_text,
    bytes_text,
    cost_text,
    count_text,
    share_text,
    time_text,
)

Fields = dict[str, Any]
#: Maximum number of rows of a table on this page.
MAX_ROWS: Final = 20
#: What saves a query, by cost class or outcome of the cache.
_SAVED_BY: Final = {
    "avoided:hit": "answered from the cache",
    "avoided:collapsed": "shared with an equal request in flight",
    "avoided:revalidated": "304: the client's copy was current",
    "avoided:empty": "known to match nothing",
}
_SECTION_HTML = Markup('<section id="{id}">\n<h2>{title}</h2>\n{body}</section>\n')
_NOTE_HTML = Markup('<p class="note">{}</p>\n')
_ALL_HTML = Markup('<p><a href="{}admin/practices">All {:,} practices</a></p>\n')
_HEAD_HTML = Markup("<h1>Dashboard</h1>\n")


def section(id_: str, title: str, body: Markup) -> Markup:
    """Return a part of a page with its heading."""
    return _SECTION_HTML.format(id=id_, title=title, body=body)


def overview(parts: Mapping[str, Fields | str], root: str, token: str) -> Markup:
    """Return the page; each part is the JSON of an endpoint, or the text of what went wrong with it."""
    sections = (
        ("practices", "Practices with a problem", "sites", lambda fields: _problems(fields, root)),
        ("today", "Today", "today", _today),
        ("hours", "Last six hours", "history", charts),
        ("pauses", "Pauses", "pauses", lambda fields: first_pauses(fields, MAX_ROWS, root, token)),
        ("failures", "Latest failures", "failures", _failures),
        ("spend", "Callers and apps", "today", _spend),
        ("cache", "Cache", "cache", _cache),
    )
    body = Markup().join(
        section(id_, title, _part(parts[name], render)) for id_, title, name, render in sections
    )
    return _HEAD_HTML + body + section("purge", "Purge", purge_form(root, token))


def _part(fields: Fields | str, render: Any) -> Markup:
    if isinstance(fields, str):
        return Markup('<p class="fail">{}</p>\n').format(fields)
    rendered: Markup = render(fields)
    return missing_note(fields) + rendered


def _problems(fields: Fields, root: str) -> Markup:
    troubled = with_problem(fields["sites"])
    more = fields["found"] - MAX_ROWS
    note = _NOTE_HTML.format(f"and {more:,} more") if more > 0 else Markup()
    rows = practice_table(troubled[:MAX_ROWS], root, fields["asOf"], "No practice has a problem.")
    return rows + note + _ALL_HTML.format(root, fields["practices"])


def _today(today: Fields) -> Markup:
    currency, expected = today["currency"], today["forecast"]
    rows = [
        ("Queries", count_text(today["queries"]), count_text(expected["queries"])),
        ("Bytes", bytes_text(today["bytes"]), bytes_text(expected["bytes"])),
        ("Cost", cost_text(today["cost"], currency), cost_text(expected["cost"], currency)),
    ]
    note = (
        f"The day {today['day']} ({today['timeZone']}; each practice's day is its own). Forecast: linear, at"
        " the average rate of the day so far."
    )
    columns = (Column("Billable"), NumberColumn("Used"), NumberColumn("Forecast"))
    used = table("Use of today", columns, rows, "")
    return used + _NOTE_HTML.format(note) + _savings(today) + _caps(today) + _budgets(today)


def _savings(today: Fields) -> Markup:
    rows = [
        (text, count_text(today["totals"][cost]["queries"]))
        for cost, text in _SAVED_BY.items()
        if today["totals"][cost]["queries"]
    ]
    share = Markup("<h3>Saved: {} of all queries</h3>\n").format(share_text(today["savedShare"]))
    return share + table(
        "Saved queries", (Column("By"), NumberColumn("Queries")), rows, "Nothing is saved today."
    )


def _caps(today: Fields) -> Markup:
    rows = [
        (cap["name"], share_text(cap["usedRatio"]), *_cap_cells(cap), _hour_text(cap["reachedInHour"]))
        for cap in today["caps"][:MAX_ROWS]
    ]
    columns = (
        Column("Practice"),
        NumberColumn("Used"),
        NumberColumn("Queries of cap"),
        NumberColumn("Bytes of cap"),
        Column("Reached, at the last hour's rate"),
    )
    more = today["practicesWithCaps"] - len(rows)
    note = (
        _NOTE_HTML.format(f"and {more:,} more practices with caps, further from them") if more else Markup()
    )
    return Markup("<h3>Daily caps</h3>\n") + table("Daily caps", columns, rows, "No cap is in use.") + note


def _cap_cells(cap: Fields) -> tuple[str, str]:
    queries, octets = cap["queries"], cap["bytes"]
    return (
        f"{queries['used']:,} / {count_text(queries['cap'])}",
        f"{bytes_text(octets['used'])} / {bytes_text(octets['cap'])}",
    )


def _hour_text(timestamp: str | None) -> str:
    return f"{timestamp[11:16]} (practice's time)" if timestamp else "not today"


def _budgets(today: Fields) -> Markup:
    if not today["budgets"]:
        return Markup()
    rows = [
        (
            each["app"],
            each["budget"],
            share_text(each["usedRatio"]),
            "refuses more" if each["hard"] else "reports only",
            time_text(each["resetsAt"]),
        )
        for each in sorted(today["budgets"], key=lambda each: -each["usedRatio"])[:MAX_ROWS]
    ]
    columns = (
        Column("App"),
        Column("Budget"),
        NumberColumn("Used"),
        Column("At its end"),
        Column("Begins anew (UTC)"),
    )
    return Markup("<h3>Budgets of apps</h3>\n") + table("Budgets of apps", columns, rows, "")


def _spend(today: Fields) -> Markup:
    return Markup().join(
        _spend_table(title, today[f"{title}s"], today["currency"]) for title in ("caller", "app")
    )


def _spend_table(title: str, spenders: list[Fields], currency: str | None) -> Markup:
    rows = [
        (
            each[title] or "without name",
            count_text(each["queries"]),
            bytes_text(each["bytes"]),
            cost_text(each["cost"], currency),
            share_text(each["savedShare"]),
        )
        for each in spenders[:MAX_ROWS]
    ]
    columns = (
        Column(title.title()),
        NumberColumn("Queries"),
        NumberColumn("Bytes"),
        NumberColumn("Cost"),
        NumberColumn("Saved"),
    )
    more = len(spenders) - len(rows)
    note = _NOTE_HTML.format(f"and {more:,} more with fewer queries") if more else Markup()
    return table(f"Today by {title}", columns, rows, f"No {title} has sent a query today.") + note


def _failures(fields: Fields) -> Markup:
    rows = [
        (
            Markup("<code>{}</code>").format(each["code"]),
            count_text(each["count"]),
            Markup('<span title="{}">{}</span>').format(
                time_text(each["lastAt"]) + " UTC", age_text(each["lastAt"], fields["asOf"])
            ),
            each["lastSite"] or NONE,
            Markup("<code>{}</code>").format(each["lastRequestId"]) if each["lastRequestId"] else NONE,
            each["text"],
        )
        for each in fields["failures"][:MAX_ROWS]
    ]
    columns = (
        Column("Code"),
        NumberColumn("Since start"),
        Column("Last"),
        Column("Practice"),
        Column("Request id"),
        Column("Advice"),
    )
    return table("Latest failures", columns, rows, "No request has failed since start.")


def _cache(fields: Fields) -> Markup:
    store = fields["store"]
    problem = Markup('<p class="fail">{}</p>\n').format(store["problem"]) if store["problem"] else Markup()
    limit = bytes_text(store["maxBytes"]) if store["maxBytes"] else "no limit"
    note = (
        f"Profile {fields['profile']}; store {store['kind']}: {count_text(store['entries'])} entries,"
        f" {bytes_text(store['bytes'])} of {limit}; {count_text(store['evicted'])} evicted early."
    )
    outcomes = sorted(fields["requests"], key=lambda name: -fields["requests"][name])
    rows = [
        (type_, *(count_text(counts.get(name, 0)) for name in outcomes))
        for type_, counts in sorted(fields["types"].items(), key=lambda item: -sum(item[1].values()))
    ]
    columns = (Column("Type"), *map(NumberColumn, outcomes))
    return problem + _NOTE_HTML.format(note) + table("Outcomes by type", columns, rows, "No request yet.")
