"""Clients of each kind of Redis: how they find a server, log in and use TLS."""

import signal
from collections.abc import Iterator
from time import monotonic

import pytest
from redis import Redis
from redis.asyncio import SSLConnection
from support.redis_groups import ClusterGroup, SentinelGroup, SharedGroups, redis_sentinels

from gateway.stores.redis_client import FAILURES, connection_options, open_client, sentinel_options
from gateway.stores.redis_servers import parse_redis_url

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def sentinels() -> Iterator[SentinelGroup]:
    with redis_sentinels(count=3) as servers:
        yield servers


async def test_sentinel_that_is_away_leaves_time_for_the_next(sentinels: SentinelGroup) -> None:
    sentinels.sentinels[0].signal(signal.SIGSTOP)
    client, start = open_client(sentinels.url, 2.0), monotonic()
    assert await client.set("name", b"1")
    assert monotonic() - start < 2.0
    await client.aclose()
    sentinels.sentinels[0].signal(signal.SIGCONT)


async def test_sentinels_have_a_login_of_their_own(sentinels: SentinelGroup) -> None:
    for server in (*sentinels.servers, *sentinels.sentinels):
        name = "watcher" if server in sentinels.sentinels else "gateway"
        with Redis.from_url(server.url) as direct:
            direct.execute_command("ACL", "SETUSER", name, "on", f">{name}-secret", "~*", "&*", "+@all")
    url = sentinels.url.replace("//", "//gateway:{}@") + "?sentinel_username=watcher&sentinel_password={}"
    for passwords, is_right in (
        (("gateway-secret", "watcher-secret"), True),
        (("gateway-secret", "wrong"), False),
        (("wrong", "watcher-secret"), False),
    ):
        client = open_client(url.format(*passwords), 2.0)
        try:
            assert await client.set("name", b"1")
            assert is_right
        except FAILURES:
            assert not is_right
        await client.aclose()


def test_tls_is_used_for_sentinels_and_redis() -> None:
    servers = parse_redis_url("rediss+sentinel://:p@h/m/4?ssl_cert_reqs=none&client_name=g")
    options = connection_options(servers)
    assert options == {"password": "p", "db": 4, "ssl": True, "ssl_cert_reqs": "none", "client_name": "g"}
    assert sentinel_options(servers, 1.0) == {
        "ssl": True,
        "ssl_cert_reqs": "none",
        "socket_timeout": 0.5,
        "socket_connect_timeout": 0.5,
    }


@pytest.mark.parametrize("url", ["rediss+sentinel://h/m", "rediss+cluster://h"])
async def test_tls_url_opens_tls_connections(url: str) -> None:
    client = open_client(url, 1.0)
    node = getattr(client._commands, "connection_pool", None) or client._commands.startup_nodes[0]
    assert issubclass(node.connection_class, SSLConnection)
    await client.aclose()


async def test_probe_names_reach_every_node(redis_groups: SharedGroups) -> None:
    with redis_groups.of_kind("cluster") as servers:
        assert isinstance(servers, ClusterGroup)
        client = open_client(servers.url, 5.0)
        names = await client.probe_names("halo-gateway/probe")
        assert {servers.owner_of(name).port for name in names} == {server.port for server in servers.servers}
        assert len(names) == 3
        await client.aclose()
