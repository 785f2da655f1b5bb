"""First page of the dashboard."""

from typing import Any

from support.site_json import GUID, PAUSE, SINCE, site_json

from gateway.admin.dashboard.overview import MAX_ROWS, overview
from gateway.ledger.cost import CostClass

EVIL = "<script>"
FAILURE = {
    "code": "practice-offline",
    "status": 503,
    "text": "Call the practice.",
    "repeat": "yes",
    "count": 3,
    "lastAt": SINCE,
    "lastSite": "harbour",
    "lastRequestId": "id-1",
}
SPENDER = {"queries": 7, "bytes": 2_000, "cost": "0.14", "savedShare": 0.5}


def today(**members: Any) -> dict[str, Any]:
    return {
        "asOf": SINCE,
        "timeZone": "Australia/Sydney",
        "day": "2026-07-01",
        "currency": "AUD",
        "queries": 70,
        "bytes": 20_000,
        "cost": "1.40",
        "savedShare": 0.3,
        "totals": {str(cost): {"queries": number, "bytes": 0} for number, cost in enumerate(CostClass)},
        "forecast": {"method": "linear", "queries": 140, "bytes": None, "cost": "2.80"},
        "callers": [{"caller": "diary", **SPENDER}, {"caller": "", **SPENDER}],
        "apps": [{"app": "board", **SPENDER}],
        "caps": [],
        "practicesWithCaps": 0,
        "budgets": [],
    } | members


CAP = {
    "site": GUID,
    "name": "harbour",
    "queries": {"used": 80, "cap": 100},
    "bytes": {"used": 900, "cap": None},
    "usedRatio": 0.8,
    "rejectsBatch": False,
    "reachedInHour": "2026-07-01T15:00:00+10:00",
}
BUDGET = {
    "app": "board",
    "budget": "queries_per_day",
    "period": "2026-07-01",
    "used": 5,
    "limit": 10,
    "usedRatio": 0.5,
    "hard": True,
    "resetsAt": SINCE,
}


def parts(**changes: Any) -> dict[str, Any]:
    intervals = [{"start": SINCE, "queries": 1, "saved": 2, "failures": 0}]
    return {
        "sites": {"asOf": SINCE, "practices": 1_200, "found": 1, "sites": [site_json(pauses=[PAUSE])]},
        "today": today(caps=[CAP], practicesWithCaps=5, budgets=[BUDGET]),
        "history": {"asOf": SINCE, "intervals": intervals},
        "pauses": {"asOf": SINCE, "rules": [], "found": 1, "pauses": [PAUSE]},
        "failures": {"asOf": SINCE, "failures": [FAILURE]},
        "cache": {
            "profile": "balanced",
            "store": {
                "kind": "redis",
                "entries": 5,
                "bytes": None,
                "maxBytes": None,
                "evicted": 0,
                "problem": None,
            },
            "requests": {"hit": 2, "miss": 5},
            "types": {"Patient": {"hit": 2}, "Slot": {"miss": 5}},
        },
    } | changes


def test_page_shows_what_the_endpoints_say() -> None:
    html = overview(parts(), "../", "token")
    for text in (
        *("All 1,200 practices", "70</td>", "140</td>", "1.40 AUD", "2.80 AUD", "Saved: 30% of all queries"),
        *("80 / 100", "15:00 (practice&#39;s time)", "and 4 more practices with caps", "refuses more"),
        *(
            "Call the practice.",
            "practice-offline",
            "id-1",
            "diary",
            "without name",
            "board",
            "upstream-quota",
        ),
        *(
            "store redis: 5 entries, - of no limit",
            "answered from the cache",
        ),
    ):
        assert text in html, text


def test_each_way_to_save_is_named() -> None:
    saved = {str(cost): {"queries": 0, "bytes": 0} for cost in CostClass}
    html = overview(parts(today=today(totals=saved)), "../", "")
    assert "Nothing is saved today." in html


def test_part_that_fails_is_told_and_the_rest_is_shown() -> None:
    html = overview(parts(today="The ledger is unavailable.", sites="No."), "../", "")
    assert html.count("The ledger is unavailable.") == 2
    assert "Call the practice." in html
    assert GUID in html


def test_store_problem_is_shown() -> None:
    cache = parts()["cache"]
    html = overview(parts(cache=cache | {"store": cache["store"] | {"problem": "unreachable"}}), "../", "")
    assert '<p class="fail">unreachable</p>' in html


def test_long_lists_are_cut_with_a_word() -> None:
    many = MAX_ROWS + 3
    fields = parts(
        sites={
            "asOf": SINCE,
            "practices": many,
            "found": many,
            "sites": [site_json(str(n), waiting=1) for n in range(MAX_ROWS)],
        },
        pauses={"asOf": SINCE, "found": many, "pauses": [PAUSE] * MAX_ROWS},
        today=today(callers=[{"caller": str(n), **SPENDER} for n in range(many)]),
    )
    html = overview(fields, "../", "")
    assert html.count("and 3 more") == 3


def test_values_are_escaped() -> None:
    evil = dict.fromkeys(("code", "text", "lastSite", "lastRequestId"), EVIL)
    fields = parts(
        failures={"asOf": SINCE, "failures": [FAILURE | evil]},
        sites={"asOf": SINCE, "practices": 1, "found": 1, "sites": [site_json(EVIL, waiting=1, engine=EVIL)]},
        pauses={"asOf": SINCE, "found": 1, "pauses": [PAUSE | {"rule": EVIL, "caller": EVIL}]},
    )
    html = overview(fields, "../", EVIL)
    assert EVIL not in html
    assert html.count("&lt;script&gt;") >= 8
