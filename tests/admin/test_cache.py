"""Endpoints of the cache."""

from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.operators import TOKEN, admin_response, issue, route_response
from support.requests import GUID, NOW

from gateway.admin.cache import CacheEndpoints, outcomes_by_type
from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.requests import SiteNames

pytestmark = pytest.mark.anyio


class Cache:
    """A cache that records purges."""

    def __init__(self) -> None:
        self.purges: list[tuple[str, str, str]] = []

    async def statistics(self) -> Mapping[str, Any]:
        return {"fetchesInFlight": 7}

    async def purge(self, site: str, kind: str, patient: str) -> None:
        self.purges.append((site, kind, patient))

    @property
    def endpoints(self) -> CacheEndpoints:
        return CacheEndpoints(
            self.statistics,
            self.purge,
            SiteNames({GUID: "harbour"}, is_served=lambda guid: guid == GUID),
            lambda: NOW,
            lambda _: 7,
        )


async def test_cache_endpoint_returns_the_statistics() -> None:
    response = await admin_response("GET", "/admin/cache", [Cache().endpoints])
    assert response.json() == {"asOf": NOW.isoformat(), "fetchesInFlight": 7}
    assert (await admin_response("GET", "/admin/cache?site=1", [Cache().endpoints])).status_code == 400


@pytest.mark.parametrize(
    ("content", "scope", "purge"),
    [
        (f'{{"site":"{GUID}"}}', "site", (GUID, "", "")),
        ('{"site":"harbour"}', "site", (GUID, "", "")),
        (f'{{"site":"{GUID.upper()}","type":"Slot"}}', "type", (GUID, "Slot", "")),
        (f'{{"site":"{GUID}","patient":"p-1"}}', "patient", (GUID, "", "p-1")),
        (f'{{"site":"{GUID}","type":"Slot","patient":"p-1"}}', "patient", (GUID, "Slot", "p-1")),
    ],
)
async def test_purge_of_site_type_or_patient(content: str, scope: str, purge: tuple[str, str, str]) -> None:
    cache = Cache()
    response = await admin_response("POST", "/admin/purge", [cache.endpoints], content.encode())
    assert response.json() == {"asOf": NOW.isoformat(), "purged": scope, "site": GUID, "longestAge": 7}
    assert cache.purges == [purge]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"site":"elsewhere"}',
        f'{{"site":"{GUID}","type":"Zzyzx"}}',
        f'{{"site":"{GUID}","type":7}}',
        f'{{"site":"{GUID}","type":""}}',
        f'{{"site":"{GUID}","patient":""}}',
        '{"site":""}',
        f'{{"site":"{GUID[:-1]}f"}}',
        f'{{"site":"{GUID}","patient":"a b"}}',
        f'{{"site":"{GUID}","patients":"1"}}',
        "\ud800",
    ],
)
async def test_invalid_purge_is_rejected(content: str) -> None:
    cache = Cache()
    response = await admin_response(
        "POST", "/admin/purge", [cache.endpoints], content.encode("utf-8", "surrogatepass")
    )
    assert response.status_code == 400
    assert issue(response)["details"]["text"]
    assert "Zzyzx" not in response.text
    assert cache.purges == []


async def test_purge_with_a_large_body_is_413() -> None:
    assert (
        await admin_response("POST", "/admin/purge", [Cache().endpoints], b" " * 20_000)
    ).status_code == 413


async def test_patient_of_a_purge_is_not_logged() -> None:
    content = f'{{"site":"{GUID}","patient":"Zzyzx"}}'.encode()
    routes = AdminEndpoints(TOKEN, [Cache().endpoints]).shared_port_routes()
    with capture_logs() as lines:
        await route_response(routes, "POST", "/admin/purge", content)
    assert [(line["event"], line["site"], line["what"]) for line in lines] == [
        ("cache-purged", "harbour", "patient")
    ]
    assert "Zzyzx" not in str(lines)


def test_outcomes_are_counted_in_total_and_by_type() -> None:
    counts = {("Patient", "hit"): 2, ("Slot", "hit"): 1, ("Slot", "miss"): 4, ("", "bypass"): 1}
    assert outcomes_by_type(counts) == {
        "requests": {"bypass": 1, "hit": 3, "miss": 4},
        "types": {"none": {"bypass": 1}, "Patient": {"hit": 2}, "Slot": {"hit": 1, "miss": 4}},
    }
