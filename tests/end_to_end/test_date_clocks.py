"""Sites whose clocks, labels and precision nobody has probed, over real sockets: no record is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Pair, settings_for

from gateway.app import create_app
from gateway.emulator.settings import LastUpdatedStyle
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import SearchSupport

STYLES: tuple[LastUpdatedStyle, ...] = (
    "ok",
    "naive",
    "local-labelled-utc",
    "utc-labelled-local",
    "fixed-standard-offset",
)


@pytest.fixture
def unprobed(pair: Pair) -> Iterator[Pair]:
    """The emulator behind a gateway that knows nothing about its sites."""
    settings = settings_for(pair.emulator.url, SearchSupport())
    sites = {
        guid: site.model_copy(update={"last_updated_input": {}}) for guid, site in settings.sites.items()
    }
    with ThreadedServer(create_app(settings.model_copy(update={"sites": sites}))) as server:
        yield Pair(pair.emulator, server.url)


def fetch_all(pair: Pair, query: str) -> list[dict[str, Any]]:
    resources, url = [], f"{pair.base()}/{query}"
    while url:
        page = pair.ask("GET", url).json()
        assert page["resourceType"] == "Bundle", page
        resources += [
            entry["resource"] for entry in page.get("entry", []) if entry["search"]["mode"] == "match"
        ]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return resources


@pytest.mark.parametrize("clock", ["site", "utc"])
@pytest.mark.parametrize("style", STYLES)
def test_sync_of_an_unprobed_site_returns_what_is_shown(unprobed: Pair, style: str, clock: str) -> None:
    columns = {"*._lastUpdated": clock}
    unprobed.settings(variants={"last_updated": {"Observation": style}, "column_zones": columns})
    shown = {
        item["id"]: item["meta"]["lastUpdated"] for item in fetch_all(unprobed, "Observation?_count=500")
    }
    instants = sorted(datetime.fromisoformat(text) for text in shown.values())
    start = instants[len(instants) // 2].astimezone(UTC)
    end = start + timedelta(hours=30)
    window = [f"ge{start:%Y-%m-%dT%H:%M:%SZ}", f"lt{end:%Y-%m-%dT%H:%M:%SZ}"]
    found = fetch_all(unprobed, f"Observation?_lastUpdated={window[0]}&_lastUpdated={window[1]}")
    whole = {start.replace(microsecond=0), end.replace(microsecond=0)}
    expected = {
        identity
        for identity, text in shown.items()
        if min(whole) <= datetime.fromisoformat(text) < max(whole)
    }
    assert {item["id"] for item in found} == expected != set()


@pytest.mark.parametrize("clock", ["site", "utc"])
def test_day_of_an_unprobed_diary_is_complete_and_counted(unprobed: Pair, clock: str) -> None:
    unprobed.settings(variants={"column_zones": {"Appointment.date": clock}})
    rows = unprobed.emulator.control("GET", f"truth/{SYDNEY}/Appointment")
    expected = {
        row["resource"]["id"]
        for row in rows
        if row["active"] and row["resource"]["start"].startswith("2026-04-02")
    }
    bill = unprobed.emulator.control("GET", "bill")
    page = unprobed.get("Appointment?date=2026-04-02&_count=1000").json()
    assert {entry["resource"]["id"] for entry in page["entry"]} == expected != set()
    assert page["total"] == len(expected)
    assert unprobed.emulator.control("GET", "bill") != bill


def test_wrong_configuration_is_refused_with_what_to_do(pair: Pair) -> None:
    pair.settings(variants={"column_zones": {"Appointment.date": "utc"}})
    response = pair.get("Appointment?date=2026-04-02")
    (issue,) = response.json()["issue"]
    assert response.status_code == 502
    assert "halo-gateway probe" in issue["details"]["text"]
    assert issue["details"]["coding"][0]["code"] == "dates-shifted"


def test_never_probed_sites_are_told(unprobed: Pair) -> None:
    ready = unprobed.ask("GET", f"{unprobed.url}/readyz")
    assert ready.status_code == 200
    assert "verified_by" in ready.json()["checks"]["dates"][0]["output"]
