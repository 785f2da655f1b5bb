import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.operators import TOKEN, answered, asked, issue
from support.requests import GUID, NOW

from gateway.admin.cache import CacheEndpoints, outcomes_by_type
from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.requests import SiteNames


class Cache:
    """Callables that keep what they are asked."""

    def __init__(self) -> None:
        self.forgot: list[tuple[str, str, str]] = []

    async def statistics(self) -> Mapping[str, Any]:
        return {"flights": 7}

    async def forget(self, site: str, kind: str, patient: str) -> None:
        self.forgot.append((site, kind, patient))

    @property
    def desk(self) -> CacheEndpoints:
        return CacheEndpoints(self.statistics, self.forget, SiteNames({GUID: "harbour"}), lambda: NOW)


def test_the_cache_shows_its_own_figures() -> None:
    response = asked("GET", "/admin/cache", [Cache().desk])
    assert response.json() == {"asOf": NOW.isoformat(), "flights": 7}
    assert asked("GET", "/admin/cache?site=1", [Cache().desk]).status_code == 400


@pytest.mark.parametrize(
    ("content", "what", "forgets"),
    [
        (f'{{"site":"{GUID}"}}', "site", (GUID, "", "")),
        ('{"site":"harbour"}', "site", (GUID, "", "")),
        (f'{{"site":"{GUID.upper()}","type":"Slot"}}', "type", (GUID, "Slot", "")),
        (f'{{"site":"{GUID}","patient":"p-1"}}', "patient", (GUID, "", "p-1")),
        (f'{{"site":"{GUID}","type":"Slot","patient":"p-1"}}', "patient", (GUID, "Slot", "p-1")),
    ],
)
def test_a_purge_is_of_a_site_a_type_or_a_patient(
    content: str, what: str, forgets: tuple[str, str, str]
) -> None:
    cache = Cache()
    response = asked("POST", "/admin/purge", [cache.desk], content.encode())
    assert response.json() == {"asOf": NOW.isoformat(), "purged": what, "site": GUID}
    assert cache.forgot == [forgets]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"site":"elsewhere"}',
        f'{{"site":"{GUID}","type":"Zzyzx"}}',
        f'{{"site":"{GUID}","type":7}}',
        f'{{"site":"{GUID}","patient":"a b"}}',
        f'{{"site":"{GUID}","patients":"1"}}',
        "\ud800",
    ],
)
def test_a_purge_that_is_not_understood_purges_nothing(content: str) -> None:
    cache = Cache()
    response = asked("POST", "/admin/purge", [cache.desk], content.encode("utf-8", "surrogatepass"))
    assert response.status_code == 400
    assert issue(response)["details"]["text"]
    assert "Zzyzx" not in response.text
    assert cache.forgot == []


def test_a_purge_too_large_is_refused() -> None:
    assert asked("POST", "/admin/purge", [Cache().desk], b" " * 20_000).status_code == 413


def test_the_patient_of_a_purge_is_in_no_log_line() -> None:
    content = f'{{"site":"{GUID}","patient":"Zzyzx"}}'.encode()
    with capture_logs() as lines:
        asyncio.run(
            answered(
                AdminEndpoints(TOKEN, [Cache().desk]).shared_port_routes(), "POST", "/admin/purge", content
            )
        )
    assert [(line["event"], line["site"], line["what"]) for line in lines] == [
        ("cache-purged", "harbour", "patient")
    ]
    assert "Zzyzx" not in str(lines)


def test_requests_are_shown_in_all_and_by_type() -> None:
    tally = {("Patient", "hit"): 2, ("Slot", "hit"): 1, ("Slot", "miss"): 4, ("", "bypass"): 1}
    assert outcomes_by_type(tally) == {
        "requests": {"bypass": 1, "hit": 3, "miss": 4},
        "types": {"none": {"bypass": 1}, "Patient": {"hit": 2}, "Slot": {"hit": 1, "miss": 4}},
    }
