"""Clients of one Redis, of the master that Sentinels name, and of a Cluster, with one interface.

A command is repeated only after a broken connection, and only as often as its caller allows: it may have had
its effect. A Cluster's redirections (MOVED, ASK) are followed, because the node then did nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any, Final, TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode, PipelineCommand
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from gateway.stores.redis_servers import RedisServers, parse_redis_url

#: What a client raises; the exceptions of a Cluster are no RedisError.
FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
#: Connections that wait for a response at the same time, to each server.
MAX_CONNECTIONS: Final = 50
#: Part of a command's time after which a node of a Cluster counts as away: another can be asked in time.
_NODE_SHARE: Final = 0.8
#: Names that are tried to find one in the slots of each node.
_PROBES: Final = 512

_Command: TypeAlias = Callable[..., Awaitable[Any]]


class Script:
    """A Lua script, sent by its digest, and as a whole to a server that does not have it yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode()).hexdigest()  # noqa: S324 - Redis names scripts so


class RedisClient:
    """Client of one Redis, or of the master that Sentinels name."""

    def __init__(self, redis: Redis | RedisCluster) -> None:
        self._commands: Any = redis
        self.get: _Command = redis.get
        self.set: _Command = redis.set
        #: Deletes names; in a Cluster those of each slot by a command of its own.
        self.delete: _Command = redis.delete

    async def get_all(self, names: Sequence[str]) -> list[Any]:
        """Return the value of each name, None without one."""
        return list(await self._commands.mget(names))

    async def run_script(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Run a script; its keys are in one slot."""
        try:
            return await self._commands.evalsha(script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self._commands.eval(script.text, len(keys), *keys, *arguments)

    async def publish(self, channel: bytes, message: bytes) -> None:
        """Publish a message."""
        await self._commands.publish(channel, message)

    async def check_writable(self, name: bytes) -> None:
        """Send a write that changes nothing, of a name without a value.

        Raises if the server may not write, such as a master with fewer replicas than `min-replicas-to-write`:
        the other gateways may be at its successor.
        """
        await self._commands.pexpire(name, 1, nx=True)

    @asynccontextmanager
    async def subscription(self, *channels: bytes) -> AsyncIterator[PubSub]:
        """Subscribe to channels, which are in one slot."""
        async with self._commands.pubsub() as subscription:
            await subscription.subscribe(*channels)
            yield subscription

    async def read_figures(self) -> list[Mapping[str, Any]]:
        """Read INFO of each server that holds keys."""
        return [await self._commands.info()]

    async def count_entries(self) -> int:
        """Count the keys of all users."""
        return int(await self._commands.dbsize())

    async def probe_names(self, prefix: str) -> list[str]:
        """Names with a prefix that together are on all servers with keys."""
        return [prefix]

    async def aclose(self) -> None:
        """Close every connection."""
        await self._commands.aclose()


class ClusterClient(RedisClient):
    """Client of a Cluster. Channels are sharded: one node has them in one order, as a single Redis does."""

    def __init__(self, cluster: RedisCluster, connection_options: Mapping[str, Any]) -> None:
        super().__init__(cluster)
        self._cluster = cluster
        self._connection_options = connection_options

    async def publish(self, channel: bytes, message: bytes) -> None:
        """Publish a message at the node that has the channel's slot."""
        await self._commands.execute_command("SPUBLISH", channel, message)

    async def check_writable(self, name: bytes) -> None:
        """Do nothing: a node without the majority of its Cluster refuses every command."""

    async def get_all(self, names: Sequence[str]) -> list[Any]:
        """Return the value of each name one after the other, because they are in different slots."""
        return [await self.get(name) for name in names]

    @asynccontextmanager
    async def subscription(self, *channels: bytes) -> AsyncIterator[PubSub]:
        """Subscribe at the node that has the channels' slot; it ends if the slot moves."""
        await self._cluster.initialize()
        node = self._cluster.get_node_from_key(channels[0].decode())
        assert node is not None  # noqa: S101 - only a replica can be missing
        options = {**self._connection_options, "host": node.host, "port": node.port}
        async with Redis(**options) as redis, redis.pubsub() as subscription:
            await subscription.ssubscribe(*channels)
            yield subscription

    async def read_figures(self) -> list[Mapping[str, Any]]:
        """Read INFO of each primary node."""
        figures = await self._commands.execute_command("INFO", target_nodes=RedisCluster.PRIMARIES)
        nodes = self._cluster.get_primaries()
        return [figures] if len(nodes) == 1 else list(figures.values())

    async def probe_names(self, prefix: str) -> list[str]:
        """Names with a prefix, one for each node that has slots. Raises if a slot has no node."""
        await self._cluster.initialize()
        names: dict[str, str] = {}
        for number in range(_PROBES):
            name = f"{prefix}/{number}"
            node = self._cluster.get_node_from_key(name)
            names.setdefault(node.name if node else "", name)
        return list(names.values())

    async def aclose(self) -> None:
        """Close every connection, also those that redis-py keeps after a failure."""
        await self._cluster.aclose()
        for nodes in ("nodes_cache", "startup_nodes"):
            await self._cluster.nodes_manager.aclose(nodes)


class _Cluster(RedisCluster):
    """Cluster whose slots may move while it is in use.

    redis-py 8.1 sends ASKING and the command that follows it through different connections of a node, and
    does not find a node that has no slot yet (redis-py issue 4015). It also sends commands to any node before
    it knows the slots.
    """

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Return the response to a command, sent once the slots are known."""
        await self.initialize()
        return await super().execute_command(*args, **kwargs)

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """Return a node; by its name only the target of ASK is looked up."""
        if node_name is None:
            return super().get_node(host, port)
        node = super().get_node(node_name=node_name)
        if node is not None:
            return _AskedNode(node, is_temporary=False)
        host, _, number = node_name.rpartition(":")
        return _AskedNode(ClusterNode(host, int(number), **self.connection_kwargs), is_temporary=True)


class _AskedNode:
    """Node that gets ASKING and the command through one connection."""

    def __init__(self, node: ClusterNode, *, is_temporary: bool) -> None:
        self._node = node
        self._is_temporary = is_temporary

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Return the response to a command; ASKING is sent together with it. Raises as a node does."""
        options.pop("asking", None)  # of another command
        if arguments == ("ASKING",):
            return None
        commands = [PipelineCommand(0, "ASKING"), PipelineCommand(1, *arguments, **options)]
        try:
            await self._node.execute_pipeline(commands)
        finally:
            if self._is_temporary:
                await self._node.disconnect()
        if isinstance(commands[1].result, Exception):
            raise commands[1].result
        return commands[1].result


class _MasterPool(SentinelConnectionPool):
    """Connections to the master; closes those to the Sentinels, too."""

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def open_client(url: str, timeout: float, *, repetitions: int = 0) -> RedisClient:
    """Create a client, which connects when it is needed. `timeout` of a command, in seconds.

    `repetitions`: how often a command is sent again after its connection broke.
    """
    servers = parse_redis_url(url)
    retry = Retry(NoBackoff(), repetitions, supported_errors=(Broken,))
    if servers.kind == "single":
        pool = BlockingConnectionPool.from_url(
            url, max_connections=MAX_CONNECTIONS, timeout=timeout, **timeouts(timeout), retry=retry
        )
        return RedisClient(Redis.from_pool(pool))
    options = connection_options(servers)
    if servers.kind == "sentinel":
        sentinel = Sentinel(  # type: ignore[no-untyped-call] # redis-py's
            servers.addresses, sentinel_kwargs={**sentinel_options(servers, timeout), "retry": retry}
        )
        pool_options = {**options, **timeouts(timeout), "retry": retry}
        return RedisClient(
            sentinel.master_for(servers.service, connection_pool_class=_MasterPool, **pool_options)
        )
    options |= timeouts(_NODE_SHARE * timeout)
    nodes = [ClusterNode(host, port) for host, port in servers.addresses]
    # 0 steps: a slot that moved is noted alone. The other way closes the connections of all waiting commands.
    cluster = _Cluster(startup_nodes=nodes, retry=retry, reinitialize_steps=0, **options)
    return ClusterClient(cluster, {**options, "retry": Retry(NoBackoff(), 0)})


def connection_options(servers: RedisServers) -> dict[str, Any]:
    """Options of a connection to any of the servers: login, database, TLS, and what is after the `?`."""
    options = dict[str, Any](parse_url(servers.node_url))
    del options["host"], options["port"]
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return options


def timeouts(seconds: float) -> dict[str, Any]:
    """Options that limit the time to connect and to wait for a response."""
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


def sentinel_options(servers: RedisServers, timeout: float) -> dict[str, Any]:
    """Options of a connection to a Sentinel: its own login, the same TLS.

    Each gets a part of the time, so that one that is away leaves enough for the next.
    """
    options = connection_options(servers)
    options = {name: value for name, value in options.items() if name.startswith("ssl")}
    login = {name.removeprefix("sentinel_"): value for name, value in servers.sentinel_login}
    return options | login | timeouts(timeout / (len(servers.addresses) + 1))
