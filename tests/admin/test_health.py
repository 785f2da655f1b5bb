import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import pytest
from conftest import Pair
from starlette.responses import Response
from support.asgi import scoped

from gateway.admin.health import readyz

HEALTH = ("livez", "readyz", "healthz")


def checked(problems: Mapping[str, str]) -> tuple[int, Any]:
    def check(problem: str) -> Any:
        async def result() -> str:
            return problem

        return result

    endpoint = readyz({name: check(problem) for name, problem in problems.items()})

    async def asked() -> Response:
        return await endpoint(scoped("/readyz"))

    response = asyncio.run(asked())
    return response.status_code, msgspec.json.decode(bytes(response.body))


@pytest.mark.parametrize("name", HEALTH)
def test_health_is_json_of_its_own_type_and_never_kept(pair: Pair, name: str) -> None:
    answer = httpx.get(f"{pair.url}/{name}", trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/health+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == "pass"


@pytest.mark.parametrize("name", HEALTH)
def test_health_answers_head_and_refuses_the_rest(pair: Pair, name: str) -> None:
    head = httpx.head(f"{pair.url}/{name}", trust_env=False)
    assert (head.status_code, head.content) == (200, b"")
    posted = httpx.post(f"{pair.url}/{name}", trust_env=False)
    assert posted.status_code == 405
    assert set(posted.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_no_health_request_asks_upstream_even_while_every_practice_is_away(pair: Pair) -> None:
    pair.fault(kind="offline")
    assert {pair.ask("GET", f"{pair.url}/{name}").status_code for name in HEALTH} == {200}
    assert pair.sent() == []


def test_a_check_that_fails_is_503_and_says_which() -> None:
    status, body = checked({"store": "does not answer", "settings": ""})
    assert status == 503
    assert body["status"] == "fail"
    assert body["checks"] == {
        "store": [{"status": "fail", "output": "does not answer"}],
        "settings": [{"status": "pass"}],
    }


def test_checks_that_pass_are_200() -> None:
    assert checked({"store": ""}) == (200, {"status": "pass", "checks": {"store": [{"status": "pass"}]}})
