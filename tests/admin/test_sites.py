import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from support.operators import TOKEN, answered, issue
from support.requests import GUID, NOW
from support.site_status import KEY, OFFLINE, QUIET, QUOTA_EXHAUSTED, RATE_LIMITED, Watched

from gateway.admin.endpoints import AdminEndpoints


class Desk:
    """An operator in front of practices in trouble."""

    def __init__(self, **sections: Any) -> None:
        self.watched = Watched(**sections)
        self.lines: list[Any] = []

    async def get(self, path: str) -> Any:
        response = await self.ask("GET", path)
        assert response.status_code == 200
        assert response.json()["asOf"] == NOW.isoformat()
        return response.json()

    async def ask(self, method: str, path: str, content: str = "") -> httpx.Response:
        routes = AdminEndpoints(TOKEN, [self.watched.desk]).shared_port_routes()
        return await answered(routes, method, path, content.encode())


def scene(test: Callable[[Desk], Awaitable[None]]) -> Desk:
    """Run a test with a desk; log lines are kept."""

    async def run() -> Desk:
        desk = Desk()
        with capture_logs() as desk.lines:
            await test(desk)
        return desk

    return asyncio.run(run())


def test_a_well_practice_in_full() -> None:
    async def test(desk: Desk) -> None:
        (found,) = (await desk.get("/admin/sites?site=harbour"))["sites"]
        assert found == {
            "site": GUID,
            "name": "harbour",
            "configured": True,
            "state": "closed",
            "until": None,
            "secondsLeft": 0,
            "reason": None,
            "failures": 0,
            "timesOpened": 0,
            "pauses": [],
            "retries": {"queries": 0, "spent": 0, "left": 3},
            "successor": None,
            "pageSizes": [],
            "running": 0,
            "waiting": 0,
        }

    scene(test)


def test_a_practice_in_trouble_says_why_until_when_and_what_is_paused() -> None:
    async def test(desk: Desk) -> None:
        await desk.watched.trouble(OFFLINE)
        await desk.watched.trouble(QUOTA_EXHAUSTED, guid=QUIET, retry_after=400)
        harbour, quiet = (await desk.get("/admin/sites"))["sites"]
        assert (harbour["state"], harbour["reason"], harbour["timesOpened"]) == (
            "open",
            "practice-offline",
            1,
        )
        assert 0 < harbour["secondsLeft"] <= 600
        assert harbour["until"].endswith("+00:00")
        (pause,) = quiet["pauses"]
        assert (pause["rule"], pause["scope"], pause["reason"]) == (
            "quota",
            "caller-at-site",
            "upstream-quota",
        )
        assert (pause["site"], pause["caller"]) == (QUIET, "diary")
        assert pause["since"] < pause["until"]

    scene(test)


def test_keys_that_were_slowed_down_are_shown_without_the_key() -> None:
    async def test(desk: Desk) -> None:
        await desk.watched.trouble(RATE_LIMITED, retry_after=90)
        found = await desk.get("/admin/sites")
        (key,) = found["keys"]
        assert (key["upstream"], key["caller"], key["waiting"]) == ("halo.example", "diary", 0)
        assert key["perSecond"] > 0
        assert key["blockedUntil"].endswith("+00:00")
        assert KEY[1] not in str(found)

    scene(test)


def test_the_rules_in_force_are_shown_the_operators_own_first() -> None:
    async def test(desk: Desk) -> None:
        rules = (await desk.get("/admin/pauses"))["rules"]
        assert rules[0] == {
            "rule": "holiday",
            "scope": "site",
            "seconds": 60,
            "code": None,
            "messagePattern": "closed",
            "alarm": False,
        }
        assert {"quota", "login-failed", "caller-ip"} <= {each["rule"] for each in rules}

    scene(test)


def test_lifting_lets_a_practice_be_asked_again_and_one_line_says_so() -> None:
    async def test(desk: Desk) -> None:
        await desk.watched.trouble(OFFLINE)
        assert await desk.watched.ask() == "practice-circuit-open"
        desk.lines.clear()
        lifted = await desk.ask("POST", "/admin/sites/harbour/reset")
        assert lifted.json() == {"asOf": NOW.isoformat(), "reset": ["circuit"]}
        assert await desk.watched.ask() == "200"

    lines = scene(test).lines
    assert [(each["event"], each["site"], each["what"]) for each in lines] == [
        ("circuit-reset", "harbour", "circuit")
    ]


def test_a_pause_is_lifted_by_its_name_from_either_page() -> None:
    async def test(desk: Desk) -> None:
        for path in ("/admin/pauses/clear", f"/admin/sites/{GUID}/reset"):
            await desk.watched.trouble(QUOTA_EXHAUSTED)
            assert await desk.watched.ask() == "requests-paused"
            ((name,),) = [[each["pause"] for each in (await desk.get("/admin/pauses"))["pauses"]]]
            lifted = await desk.ask("POST", path, f'{{"pause":"{name}"}}')
            assert lifted.json()["reset"] == [name]
            assert await desk.watched.ask() == "200"

    assert [each["event"] for each in scene(test).lines].count("pause-cleared") == 2


def test_nothing_to_lift_is_no_error() -> None:
    async def test(desk: Desk) -> None:
        assert (await desk.ask("POST", f"/admin/sites/{GUID}/reset", "{}")).json()["reset"] == []

    assert scene(test).lines == []


@pytest.mark.parametrize(
    ("method", "path", "content", "says"),
    [
        ("GET", "/admin/sites?sites=1", "", "Only site can be asked for"),
        ("GET", "/admin/sites?site=elsewhere", "", "Halo GUID"),
        ("GET", "/admin/pauses?site=1", "", "Nothing can be asked for"),
        ("POST", "/admin/sites/elsewhere/reset", "", "Halo GUID"),
        ("POST", f"/admin/sites/{GUID}/reset", '{"pauses":[]}', "Send JSON"),
        ("POST", f"/admin/sites/{GUID}/reset", f'{{"pause":"site:{QUIET}"}}', "not of this practice"),
        ("POST", "/admin/pauses/clear", "{}", "Send JSON"),
        ("POST", "/admin/pauses/clear", "[", "Send JSON"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_change(
    method: str, path: str, content: str, says: str
) -> None:
    async def test(desk: Desk) -> None:
        response = await desk.ask(method, path, content)
        assert response.status_code == 400
        assert says in issue(response)["details"]["text"]

    scene(test)
