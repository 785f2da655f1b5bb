"""Host names of the operators' port."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from support.operators import issue
from support.secrets import SECRET

from gateway.admin.allowed_hosts import AllowedHosts, is_allowed, names_of
from gateway.settings import Admin

NAMES = frozenset({"localhost", "ops.example"})


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:9090", "10.0.0.5:80", "[::1]", "[fd00::1]:9090", "[::ffff:127.0.0.1]"),
        *("localhost", "LocalHost:9090", "ops.example", "OPS.example.:9090"),
    ],
)
def test_ip_addresses_and_configured_names_are_allowed(host: str) -> None:
    assert is_allowed([host], [], NAMES)
    assert is_allowed([host], [f"http://{host}"], NAMES)
    assert is_allowed([host], [f"https://{host}"], NAMES)


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.test", "evil.test:9090", "localhost.evil.test", "x.ops.example", "ops.example.evil.test"),
        *(
            "127.1",
            "0x7f.1",
            "2130706433",
            "evil.test@127.0.0.1",
            "127.0.0.1/evil",
            " 127.0.0.1",
        ),
        *("[::1", "[evil.test]", "[::1].evil.test", "ops.example:", "ops.example:123456", "øps.example"),
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    assert not is_allowed([host], [], NAMES)
    assert not is_allowed(["127.0.0.1"], [f"http://{host}"], NAMES)


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "127.0.0.1"], ["127.0.0.1", "evil.test"]])
def test_request_has_exactly_one_host(hosts: list[str]) -> None:
    assert not is_allowed(hosts, [], NAMES)


@pytest.mark.parametrize("origin", ["null", "file://", "ftp://127.0.0.1", "127.0.0.1", "http://127.0.0.1/"])
def test_origin_that_is_none_of_the_port_is_refused(origin: str) -> None:
    assert not is_allowed(["127.0.0.1"], [origin], NAMES)
    assert not is_allowed(["127.0.0.1"], ["http://127.0.0.1", origin], NAMES)


def test_names_are_those_of_the_settings() -> None:
    admin = Admin.model_validate({"token": SECRET, "listen": "Ops.example:9090", "hosts": ["B.example"]})
    assert names_of(admin) == {"localhost", "ops.example", "b.example"}
    assert names_of(Admin()) == {"localhost"}


@pytest.mark.anyio
async def test_refusal_says_what_to_set() -> None:
    app = Starlette(middleware=[Middleware(AllowedHosts, names=NAMES)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://evil.test") as client:
        refused = await client.get("/metrics")
        passed_on = await client.get("/metrics", headers={"host": "ops.example"})
    assert (refused.status_code, passed_on.status_code) == (421, 404)
    assert "admin.hosts" in issue(refused)["details"]["text"]
    assert "evil" not in refused.text
