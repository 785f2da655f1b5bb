"""Health endpoints."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import pytest
from conftest import Pair
from support.asgi import asgi_request

from gateway.admin.health import Shutdown, readyz

pytestmark = pytest.mark.anyio

HEALTH = ("livez", "readyz", "healthz")


async def readiness(
    problems: Mapping[str, str], warnings: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    def check(problem: str) -> Any:
        async def result() -> str:
            return problem

        return result

    checks, warned = (
        {name: check(problem) for name, problem in texts.items()} for texts in (problems, warnings or {})
    )
    endpoint = readyz(checks, warned)
    response = await endpoint(asgi_request("/readyz"))
    return response.status_code, msgspec.json.decode(bytes(response.body))


@pytest.mark.parametrize("name", HEALTH)
def test_health_has_its_media_type_and_no_store(pair: Pair, name: str) -> None:
    response = httpx.get(f"{pair.url}/{name}", trust_env=False)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/health+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["status"] == "pass"


@pytest.mark.parametrize("name", HEALTH)
def test_health_supports_get_and_head_only(pair: Pair, name: str) -> None:
    head = httpx.head(f"{pair.url}/{name}", trust_env=False)
    assert (head.status_code, head.content) == (200, b"")
    post = httpx.post(f"{pair.url}/{name}", trust_env=False)
    assert post.status_code == 405
    assert set(post.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_health_sends_no_upstream_request(pair: Pair) -> None:
    pair.fault(kind="offline")
    assert {pair.ask("GET", f"{pair.url}/{name}").status_code for name in HEALTH} == {200}
    assert pair.sent() == []


async def test_failed_check_is_503_and_named() -> None:
    status, body = await readiness({"store": "no response", "settings": ""})
    assert status == 503
    assert body["status"] == "fail"
    assert body["checks"] == {
        "store": [{"status": "fail", "output": "no response"}],
        "settings": [{"status": "pass"}],
    }


async def test_failed_check_hides_the_warning_of_its_name() -> None:
    status, body = await readiness({"ledger": "lasts"}, {"ledger": "not written", "store": "down"})
    assert (status, body["status"]) == (503, "fail")
    assert body["checks"]["ledger"] == [{"status": "fail", "output": "lasts"}]
    assert body["checks"]["store"] == [{"status": "warn", "output": "down"}]


async def test_passed_check_keeps_the_warning_of_its_name() -> None:
    status, body = await readiness({"ledger": ""}, {"ledger": "not written"})
    assert (status, body["status"]) == (200, "warn")
    assert body["checks"] == {"ledger": [{"status": "warn", "output": "not written"}]}


async def test_shutdown_is_a_problem_once_it_has_begun() -> None:
    shutdown = Shutdown()
    assert await shutdown.problem() == ""
    shutdown.begin()
    assert "told to end" in await shutdown.problem()


async def test_passed_checks_are_200() -> None:
    assert await readiness({"store": ""}) == (
        200,
        {"status": "pass", "checks": {"store": [{"status": "pass"}]}},
    )
