import asyncio
import csv
import sqlite3
from collections.abc import Mapping
from io import StringIO
from typing import Any

import httpx
import pytest
from exchanges import GUID, NOW
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from gateway.core.caps import Cap, Use
from gateway.core.cost import Cost, Line, Row
from gateway.stores.daily_use import Standing
from gateway.web.admin import Admin
from gateway.web.unknown import unknown

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
ROWS = [Row(Line("2026-07-01", GUID, "c0ffee00", "Patient", "read", Cost.BILLED), 3, 900)]
STANDING = Standing(GUID, "harbour", Cap(queries=100), Use(NOW, 80, 900), NOW)
PATHS = (("GET", "/admin/ledger"), ("GET", "/admin/cache"), ("POST", "/admin/purge"))


class Told:
    """An admin's callables that keep what they are asked."""

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._rows = ROWS if rows is None else rows

    def rows(self, site: str, since: str) -> list[Row]:
        self.asked.append((site, since))
        return self._rows

    async def statistics(self) -> Mapping[str, Any]:
        return {"entries": 7}

    async def forget(self, site: str, kind: str, patient: str) -> int:
        self.asked.append((site, kind, patient))
        return 2


def asked(
    method: str,
    path: str,
    told: Told | None = None,
    *,
    token: str = TOKEN,
    given: str = f"Bearer {TOKEN}",
    content: bytes = b"",
) -> httpx.Response:
    told = told or Told()
    admin = Admin(
        token,
        told.rows,
        told.statistics,
        told.forget,
        standings=lambda: [STANDING],
        names={GUID: "harbour"},
        now=lambda: NOW,
    )
    app = Starlette(routes=admin.routes(), exception_handlers={HTTPException: unknown})
    headers = {"authorization": given} if given else {}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gw.example") as client:
            return await client.request(method, path, headers=headers, content=content)

    with capture_logs():
        return asyncio.run(ask())


def issue(response: httpx.Response) -> Any:
    resource = response.json()
    assert resource["resourceType"] == "OperationOutcome"
    return resource["issue"][0]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_token_in_the_settings_nothing_is_there(method: str, path: str) -> None:
    assert asked(method, path, token="").status_code == 404


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_without_the_right_token_nothing_is_shown_or_done(method: str, path: str, given: str) -> None:
    told = Told()
    response = asked(method, path, told, given=given)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="admin"'
    assert "admin.token" in issue(response)["details"]["text"]
    assert told.asked == []


def test_the_ledger_is_json_with_totals_and_dated() -> None:
    response = asked("GET", "/admin/ledger")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["asOf"] == NOW.isoformat()
    assert body["totals"]["billed"] == {"queries": 3, "bytes": 900}
    assert body["caps"] == [
        {
            "site": GUID,
            "name": "harbour",
            "queries": {"used": 80, "cap": 100},
            "bytes": {"used": 900, "cap": None},
            "usedShare": 0.8,
            "stopsBatch": False,
            "reachedInHour": NOW.isoformat(),
        }
    ]


@pytest.mark.parametrize(
    ("query", "site", "since"),
    [
        ("", "", ""),
        (f"site={GUID}", GUID, ""),
        (f"site={GUID.upper()}", GUID, ""),
        ("site=harbour&since=2026-07-01", GUID, "2026-07-01"),
    ],
)
def test_the_ledger_can_be_asked_for_a_site_by_either_name_and_from_a_day_on(
    query: str, site: str, since: str
) -> None:
    told = Told()
    assert asked("GET", f"/admin/ledger?{query}", told).status_code == 200
    assert told.asked == [(site, since)]


def test_another_sites_caps_are_not_shown_with_a_site() -> None:
    assert asked("GET", "/admin/ledger?site=elsewhere").json()["caps"] == []


def test_the_ledger_as_csv_has_every_row() -> None:
    response = asked("GET", "/admin/ledger?format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    _, row = csv.reader(StringIO(response.text))
    assert row == ["2026-07-01", GUID, "harbour", "c0ffee00", "Patient", "read", "billed", "3", "900"]


@pytest.mark.parametrize(
    ("query", "says"),
    [("since=yesterday", "2026-07-01"), ("format=xml", "json or csv"), ("day=1", "site, since and format")],
)
def test_a_wrong_parameter_is_refused_with_what_to_change(query: str, says: str) -> None:
    told = Told()
    response = asked("GET", f"/admin/ledger?{query}", told)
    assert response.status_code == 400
    assert says in issue(response)["details"]["text"]
    assert told.asked == []


def test_the_cache_shows_its_own_figures() -> None:
    assert asked("GET", "/admin/cache").json() == {"asOf": NOW.isoformat(), "entries": 7}


@pytest.mark.parametrize(
    ("content", "forgets"),
    [
        (f'{{"site":"{GUID}"}}', (GUID, "", "")),
        (f'{{"site":"{GUID}","type":"Slot"}}', (GUID, "Slot", "")),
        (f'{{"site":"{GUID}","patient":"p-1"}}', (GUID, "", "p-1")),
    ],
)
def test_a_purge_is_of_a_site_a_type_or_a_patient(content: str, forgets: tuple[str, ...]) -> None:
    told = Told()
    response = asked("POST", "/admin/purge", told, content=content.encode())
    assert (response.status_code, response.json()) == (200, {"purged": 2})
    assert told.asked == [forgets]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"site":"harbour"}',
        f'{{"site":"{GUID}","type":"Zzyzx"}}',
        f'{{"site":"{GUID}","type":7}}',
        f'{{"site":"{GUID}","patient":"a b"}}',
        f'{{"site":"{GUID}","patients":"1"}}',
        "\ud800",
    ],
)
def test_a_purge_that_is_not_understood_purges_nothing(content: str) -> None:
    told = Told()
    response = asked("POST", "/admin/purge", told, content=content.encode("utf-8", "surrogatepass"))
    assert response.status_code == 400
    assert "Zzyzx" not in response.text
    assert told.asked == []


def test_a_purge_too_large_is_refused() -> None:
    assert asked("POST", "/admin/purge", content=b" " * 20_000).status_code == 413


def test_only_post_purges() -> None:
    assert asked("GET", "/admin/purge").status_code == 405


class Failing(Told):
    """An admin whose stores are down."""

    async def forget(self, site: str, kind: str, patient: str) -> int:
        raise OSError(f"{site} {kind} {patient}")


def test_a_store_that_fails_is_an_outcome_without_its_words() -> None:
    content = f'{{"site":"{GUID}","patient":"Zzyzx"}}'.encode()
    response = asked("POST", "/admin/purge", Failing(), content=content)
    assert response.status_code == 500
    assert issue(response)["code"] == "exception"
    assert "Zzyzx" not in response.text


@pytest.mark.parametrize("problem", [ConnectionError("TimeoutError"), sqlite3.OperationalError("/path")])
def test_a_ledger_that_cannot_be_read_is_said_to_be_tried_again(problem: Exception) -> None:
    class Away(Told):
        def rows(self, site: str, since: str) -> list[Row]:
            self.asked.append((site, since))
            raise problem

    response = asked("GET", "/admin/ledger", Away())
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "/readyz" in issue(response)["details"]["text"]
    assert str(problem) not in response.text
