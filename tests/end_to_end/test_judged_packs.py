"""Searches of a practice with packs that judge: all pages have the matches that they have without a pack."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from conftest import KEY, settings_for
from support.packs import pack_text, write_pack

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import SYDNEY
from gateway.settings import MountedUpstream

pytestmark = pytest.mark.anyio
MOUNT = "/la"
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
WHY = 'reason = "The vendor is known for it."'
FILTER_DATE = pack_text(f'{{ filter = "date", {WHY} }}', 'type = "Appointment", parameter = "date"')
FILTER_STATUS = pack_text(
    f'{{ filter = "status", {WHY} }}', 'type = "Appointment", parameter = "status"', "two"
)
DROP_BIRTH = pack_text(
    f'{{ drop = "birthdate", filter = "date", {WHY} }}', 'type = "Patient", parameter = "birthdate"', "three"
)
DROP_GENDER = pack_text(
    f'{{ drop = "gender", filter = "token", {WHY} }}', 'type = "Patient", parameter = "gender"', "four"
)
PACK = FILTER_DATE + FILTER_STATUS + DROP_BIRTH + DROP_GENDER
SEARCHES = (
    "Appointment?date=2026-04-05&_count=3",
    "Appointment?date=2026-04-05",
    "Appointment?date=2026-04-07,2026-04-09&_count=5",
    "Appointment?date=2026-04-07&status=booked&_count=2",
    "Appointment?date=ge2026-04-05&date=lt2026-04-08&_count=7",
    "Appointment?date=gt2026-04-05T09:00&date=le2026-04-06T12:00:00%2B10:00&_count=4",
    "Appointment?date=ne2026-04-05&status=booked&_count=20",
    "Appointment?date=2026-04&_count=30",
    "Appointment?date=sa2026-04-09&_count=20",
    "Appointment?date=eb2026-04-09&_sort=-date&_count=20",
    "Appointment?date=2026-04-05&_sort=-date&_count=3",
    "Appointment?date:missing=false&date=2026-04-06&_count=4",
    "Appointment?status=booked&_count=20",
    "Appointment?date=2026-04-06&_include=Appointment:patient&_count=3",
    "Patient?birthdate=1980,1985-05&family=a",
    "Patient?birthdate=ge1950&family=a&_count=3",
    "Patient?birthdate=ne1980&active=true&_count=20",
    "Patient?birthdate=ge1940&birthdate=lt1980&active=true&_count=5",
    "Patient?birthdate=lt1990-06-15&gender=female&active=true&_count=5",
    "Patient?birthdate=1950,1960,1970,1980&active=true",
    "Patient?birthdate=sa1970-05&active=true&_sort=birthdate&_count=8",
    "Patient?birthdate=ge1950&_lastUpdated=ge2020&active=true&_count=9",
    "Patient?gender=female&active=true&_count=6",
    "Patient?gender=male,other&active=true",
)


class WithKey(httpx.ASGITransport):
    """Gives the emulator its key: a mount takes no credential but a token."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(KEY)
        return await super().handle_async_request(request)


@asynccontextmanager
async def client_of(tmp_path: Path, pack: str, **variants: object) -> AsyncIterator[httpx.AsyncClient]:
    is_strict = variants.get("paging") == "strict-token"
    faults = {"link-include-params": False} if is_strict else {}
    emulator = create_emulator(
        EmulatorSettings(patients=40, variants=Variants.model_validate(variants), faults=faults)
    )
    settings = settings_for("http://emulator")
    packs = (write_pack(tmp_path, pack),) if pack else ()
    upstream = settings.upstream.model_copy(update={"packs": packs})
    mount = MountedUpstream.model_validate(
        {"path": MOUNT, "url": f"http://emulator{BASE}", "dialect": "fhir", "packs": packs}
    )
    cache = settings.cache.model_copy(update={"profile": "off"})
    app = create_app(
        settings.model_copy(update={"upstream": upstream, "upstreams": {"la": mount}, "cache": cache}),
        transport=WithKey(emulator),
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
    ):
        yield client


async def matches_of(client: httpx.AsyncClient, search: str, base: str = BASE) -> list[str]:
    """Ids of the matches on all pages."""
    ids, url = list[str](), f"{base}/{search}"
    for _ in range(200):
        response = await client.get(url, headers=KEY if "/sites/" in url else {"authorization": "Bearer x"})
        assert response.status_code == 200, (search, response.text)
        page = response.json()
        entries = page.get("entry", [])
        ids += [each["resource"]["id"] for each in entries if each["search"]["mode"] == "match"]
        links = {link["relation"]: link["url"] for link in page.get("link", [])}
        assert "_judged" not in links["self"] or "_page" in url
        if "next" not in links:
            return ids
        url = links["next"]
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("paging", ["token", "strict-token"])
async def test_judged_searches_have_the_same_matches(paging: str, tmp_path: Path) -> None:
    async with (
        client_of(tmp_path, "", paging=paging) as plain,
        client_of(tmp_path, PACK, paging=paging) as judged,
    ):
        found = 0
        for search in SEARCHES:
            expected = await matches_of(plain, search)
            observed = await matches_of(judged, search)
            assert sorted(observed) == sorted(expected), search
            found += bool(expected)
        assert found >= len(SEARCHES) - 3


@pytest.mark.parametrize("paging", ["page", "strict-token"])
async def test_pages_of_a_mount_have_the_same_matches(paging: str, tmp_path: Path) -> None:
    """The client follows the upstream's own links, to which the gateway adds the criterion."""
    async with client_of(tmp_path, PACK, paging=paging, link_form="query-only") as client:
        for search in (
            "Appointment?date=2026-04-05T09:00:00&_count=3",
            "Appointment?status=booked&date=ge2026-04-05&_count=9",
            "Patient?gender=female&active=true&_count=6",
            "Patient?birthdate=1980&active=true&_count=9",
        ):
            expected = await matches_of(client, search)
            assert await matches_of(client, search, MOUNT) == expected, search
            assert search.startswith("Appointment?date") or expected
