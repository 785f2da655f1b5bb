"""Page of one practice."""

from typing import Any

from support.site_json import DATES, GUID, PAUSE, SINCE, site_json

from gateway.admin.dashboard.practice import practice

EVIL = "<script>"
ISSUES = [
    {"issue": "link-base-url", "state": "right", "since": SINCE, "source": "traffic"},
    {"issue": "error-envelope", "state": "unknown", "since": None, "source": None},
    {"issue": "last-updated-offset", "state": "broken", "since": SINCE, "source": "probe"},
]
TODAY = {
    "totals": {"billed": {"queries": 3, "bytes": 900}, "free": {"queries": 0, "bytes": 0}},
    "savedShare": 0.25,
}


def full_site(**members: Any) -> dict[str, Any]:
    return site_json(
        dates=DATES,
        retries={"queries": 9, "spent": 1, "left": 4},
        successor=None,
        pageSizes=[{"search": "Patient", "fits": 20, "fails": 40, "bytesPerMatch": 3_000}],
        knownIssues={"engine": "26.619.10213", "issues": ISSUES},
        **members,
    )


def page(site: dict[str, Any], today: Any = TODAY) -> str:
    intervals = [{"start": SINCE, "queries": 1, "saved": 2, "failures": 0}]
    return str(practice(site, {"intervals": intervals}, today, "../../", "token"))


def test_page_shows_what_is_known_of_the_practice() -> None:
    html = page(full_site(pauses=[PAUSE]))
    for text in (
        *("<h1>harbour</h1>", GUID, "paused", "upstream-quota", "26.619.10213", "Saved: 25% of all queries"),
        *(
            "site (2), utc (1)",
            "probe 2026-07-01",
            "nothing stated",
            "3,000",
            "End pause",
            "Close the circuit",
        ),
        *("seen, and mended unless its repair is off", 'action="../../admin/purge/confirm"'),
    ):
        assert text in html, text
    assert f'name="site" value="{GUID}"' in html


def test_issues_that_are_there_come_first() -> None:
    html = page(full_site())
    places = [html.index(name) for name in ("last-updated-offset", "link-base-url", "error-envelope")]
    assert places == sorted(places)


def test_practice_without_time_zone_is_told() -> None:
    assert "No time zone is configured: requests are refused." in page(full_site() | {"dates": None})


def test_ledger_that_cannot_be_read_is_told() -> None:
    assert '<p class="fail">The ledger is unavailable.</p>' in page(full_site(), "The ledger is unavailable.")


def test_values_are_escaped() -> None:
    site = full_site(pauses=[PAUSE | {"rule": EVIL, "caller": EVIL}]) | {"name": EVIL, "successor": EVIL}
    assert EVIL not in page(site)
