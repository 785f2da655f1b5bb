"""A second Halo Connect: what it does is told apart from the practices of the first."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import KEY, settings_for
from structlog.testing import capture_logs
from support.mounted_upstream import UNAVAILABLE, Answer, FakeUpstream
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

KEY_AT_MOUNT = f"mnt/{SYDNEY}"
QUOTA = {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 01:00:00."}


class World(NamedTuple):
    """A gateway, the second upstream, and the log."""

    url: str
    second: FakeUpstream
    log: list[Any]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=KEY | headers, timeout=30, trust_env=False)

    def operator(self, path: str, method: str = "GET") -> Any:
        headers = {"Authorization": f"Bearer {SECRET}"}
        response = httpx.request(method, f"{self.url}/admin/{path}", headers=headers, trust_env=False)
        return response.raise_for_status().json()

    def events(self, name: str) -> set[str]:
        return {line["site"] for line in self.log if line["event"] == name}


@pytest.fixture
def world() -> Iterator[World]:
    with FakeUpstream() as first, FakeUpstream() as second, capture_logs() as log:
        sites = {"default": {"time_zone": "Australia/Sydney"}, SYDNEY: {"name": "syd"}}
        mount = {"url": second.url, "dialect": "halo-connect", "path": "/second"}
        retry = {"budget_ratio": 0, "budget_min_per_hour": 0, "max_wait_seconds": 1}
        own = {"upstreams": {"mnt": mount}, "admin": {"token": SECRET}, "retry": retry, "sites": sites}
        server = ThreadedServer(
            create_app(Settings.model_validate(settings_for(first.url).model_dump() | own))
        ).__enter__()
        try:
            yield World(server.url, second, log)
        finally:
            server.should_exit = True


def test_failures_of_the_second_have_its_name(world: World) -> None:
    world.second.answer = lambda _: Answer(500, UNAVAILABLE)
    for number in range(6):
        world.get(f"/second/integrator/sites/{SYDNEY}/fhir/R4/Patient/{number}")
    assert world.get(f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/1").status_code == 200
    assert world.events("circuit-opened") == {"mnt/syd"}
    assert world.events("request") == {"mnt/syd", "syd"}
    sites = {each["site"]: each for each in world.operator("sites")["sites"]}
    assert (sites[SYDNEY]["state"], sites[SYDNEY]["name"]) == ("closed", "syd")
    assert (sites[KEY_AT_MOUNT]["state"], sites[KEY_AT_MOUNT]["name"]) == ("open", "mnt/syd")
    assert {each["lastSite"] for each in world.operator("failures")["failures"]} == {"mnt/syd"}
    assert world.operator("sites?site=mnt/syd")["sites"][0]["state"] == "open"
    assert world.operator(f"sites/{SYDNEY}/reset", "POST")["reset"] == []
    assert world.operator("sites/mnt/syd/reset", "POST")["reset"] == ["circuit"]
    assert world.operator("sites?site=mnt/syd")["sites"][0]["state"] == "closed"


def test_pause_of_the_second_has_its_name(world: World) -> None:
    world.second.answer = lambda _: Answer(403, QUOTA, {}, "application/json")
    world.get(f"/second/integrator/sites/{SYDNEY}/fhir/R4/Patient/1")
    (pause,) = world.operator("pauses")["pauses"]
    assert (pause["site"], pause["upstream"]) in {(KEY_AT_MOUNT, "mnt"), (None, "mnt")}
    assert world.events("pause-started") == {"mnt/syd"}
    assert world.get(f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/1").status_code == 200


@pytest.mark.parametrize("path", ["", "/queries/x/results"])
def test_other_endpoints_of_the_second_have_its_name(world: World, path: str) -> None:
    world.second.answer = lambda _: Answer(500, UNAVAILABLE)
    assert world.get(f"/second/integrator/sites/{SYDNEY}{path}").status_code >= 400
    assert world.events("request") == {"mnt/syd"}
    assert {each["lastSite"] for each in world.operator("failures")["failures"]} == {"mnt/syd"}


def test_unread_request_has_the_name_of_the_second(world: World) -> None:
    url = f"{world.url}/second/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
    assert httpx.get(url, trust_env=False).status_code == 401
    assert world.events("request") == {"mnt/syd"}
    assert world.operator("failures")["failures"][0]["lastSite"] == "mnt/syd"


def test_page_of_a_practice_of_the_second(world: World) -> None:
    world.second.answer = lambda _: Answer(500, UNAVAILABLE)
    for number in range(6):
        world.get(f"/second/integrator/sites/{SYDNEY}/fhir/R4/Patient/{number}")
    with httpx.Client(base_url=world.url, trust_env=False, follow_redirects=True) as client:
        token = client.get("/admin/sign-in").text.split('name="form-token" value="')[1].partition('"')[0]
        fields, origin = {"token": SECRET, "form-token": token}, {"origin": world.url}
        overview = client.post("/admin/sign-in", data=fields, headers=origin).text
        assert f'admin/practices/{KEY_AT_MOUNT}">mnt/syd ({SYDNEY[:8]})<' in overview
        assert "circuit open" not in client.get(f"/admin/practices/{SYDNEY}").text
        page = client.get(f"/admin/practices/{KEY_AT_MOUNT}").text
        assert "circuit open" in page
        assert "all upstreams together" in page
