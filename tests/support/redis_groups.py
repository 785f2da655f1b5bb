"""Real Redis servers that belong together: nodes of a Cluster; a master, its replica and Sentinels."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from redis import Redis
from redis.cluster import RedisCluster
from redis.exceptions import ReadOnlyError, RedisError
from support.redis_server import RedisServer, free_port, redis_server, require_redis, started_server

#: Milliseconds after which a node or a master counts as away.
_NODE_TIMEOUT, _DOWN_AFTER = 1_000, 500
#: Milliseconds that no test lasts.
_NEVER = 3_600_000
_SLOTS = 16_384
_PATIENCE = 30.0
_SERVICE = "mymaster"
KINDS = ("single", "sentinel", "cluster")
#: Redis writes each command to disk, so that a kill loses nothing.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


_QUICK_REPLICATION = ("--repl-diskless-sync-delay", "0")


def wait_until(condition: Callable[[], object], seconds: float = _PATIENCE) -> None:
    deadline = monotonic() + seconds
    while True:
        with suppress(RedisError, OSError):
            if condition():
                return
        assert monotonic() < deadline, "it did not come true"
        sleep(0.02)


def cut_replication(master: RedisServer) -> None:
    """Let a master confirm writes that its replica never gets; it has got all earlier ones."""
    with Redis.from_url(master.url) as client:
        written = client.info("replication")["master_repl_offset"]
        wait_until(lambda: _confirmed_offset(client) >= written)
        client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync", "-replconf")
        client.client_kill_filter(_type="replica")
        wait_until(lambda: not client.info("replication")["connected_slaves"])


def _confirmed_offset(master: Redis) -> int:
    """Return up to where all replicas have confirmed what their master has written; -1 without a replica."""
    info = master.info("replication")
    count = int(info["connected_slaves"])
    return min((int(info[f"slave{number}"]["offset"]) for number in range(count)), default=-1)


@dataclass
class RedisGroup:
    """Servers that a test stops, starts again and pauses together, as it does with one."""

    servers: list[RedisServer]
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        raise NotImplementedError

    def wait_until_usable(self) -> None:
        raise NotImplementedError

    def direct(self, *, decode_responses: bool = False) -> Redis:
        """A client of redis-py."""
        raise NotImplementedError

    def start(self) -> None:
        for server in self.servers:
            if server._process is None:
                server.start()
        self.wait_until_usable()

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def signal(self, number: int) -> None:
        for server in self.servers:
            server.signal(number)

    def configure(self, name: str, value: str) -> None:
        for server in self.servers:
            server.configure(name, value)

    def clear(self) -> None:
        """Start what a test has stopped, and delete everything."""
        for server in self.servers:
            if server._process is None:
                server.start()
            server.signal(signal.SIGCONT)
            with Redis.from_url(server.url) as client:
                client.execute_command("ACL", "SETUSER", "default", "+@all")
                client.config_set("maxmemory", "0")
        self.wait_until_usable()
        for server in self.servers:
            with Redis.from_url(server.url) as client, suppress(ReadOnlyError):
                client.flushall()


class ClusterGroup(RedisGroup):
    """A Cluster; the first three nodes have a third of the slots each."""

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def direct(self, *, decode_responses: bool = False) -> Any:
        return RedisCluster(host="127.0.0.1", port=self.servers[0].port, decode_responses=decode_responses)

    def ask(self, server: RedisServer, *command: Any) -> Any:
        """Send a command to one node."""
        with Redis.from_url(server.url, decode_responses=True) as client:
            return client.execute_command(*command)

    def node_id(self, server: RedisServer) -> str:
        return str(self.ask(server, "CLUSTER MYID"))

    def owner_of(self, key: str) -> RedisServer:
        """The node that has a key's slot."""
        with self.direct() as client:
            port = client.get_node_from_key(key).port
        return next(server for server in self.servers if server.port == port)

    def moving(self, tag: str, stack: ExitStack) -> Callable[[str], None]:
        """Begin to move the slot of a tag to another node; `stack` ends it. Return how a key is moved."""
        source = self.owner_of(tag)
        target = next(server for server in self.servers if server is not source)
        slot = self.ask(source, "CLUSTER", "KEYSLOT", tag)
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.node_id(source))
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.node_id(target))

        def move(key: str) -> None:
            self.ask(source, "MIGRATE", "127.0.0.1", target.port, key, 0, 5_000)

        def end() -> None:
            for key in self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
                move(key)
            for server in (target, source):
                self.ask(server, "CLUSTER", "SETSLOT", slot, "NODE", self.node_id(target))

        stack.callback(end)
        return move

    def create(self, replicas: Sequence[RedisServer] = ()) -> None:
        primaries = [server for server in self.servers if server not in replicas]
        bounds = [_SLOTS * number // len(primaries) for number in range(len(primaries) + 1)]
        for server, first, end in zip(primaries, bounds, bounds[1:], strict=False):
            self.ask(server, "CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for number, server in enumerate(self.servers):
            self.ask(server, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        first_server = self.servers[0]
        for server in self.servers[1:]:
            bus = int(server.options[server.options.index("--cluster-port") + 1])
            self.ask(first_server, "CLUSTER", "MEET", "127.0.0.1", server.port, bus)
        self.wait_until_usable()
        for primary, replica in zip(primaries, replicas, strict=False):
            wait_until(lambda primary=primary, replica=replica: self._replicate(primary, replica))

    def _replicate(self, primary: RedisServer, replica: RedisServer) -> bool:
        """Let one node follow another; return whether it has all data."""
        self.ask(replica, "CLUSTER", "REPLICATE", self.node_id(primary))
        with Redis.from_url(replica.url) as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def wait_until_usable(self) -> None:
        wait_until(lambda: all(map(self._is_usable, self.servers)))

    def _is_usable(self, server: RedisServer) -> bool:
        info = self.ask(server, "CLUSTER INFO")
        fields = info if isinstance(info, dict) else dict(line.split(":") for line in info.split())
        known, state = int(fields["cluster_known_nodes"]), fields["cluster_state"]
        return known == len(self.servers) and state == "ok"


@dataclass
class SentinelGroup(RedisGroup):
    """A master, its replica, and Sentinels, which a test leaves running."""

    sentinels: list[RedisServer] = field(default_factory=list)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{_SERVICE}/0"

    def direct(self, *, decode_responses: bool = False) -> Redis:
        return Redis(port=self.master.port, decode_responses=decode_responses)

    def fields(self) -> dict[str, str]:
        """What the first Sentinel knows of the master."""
        with Redis.from_url(self.sentinels[0].url, decode_responses=True) as client:
            return dict(client.sentinel_master(_SERVICE))

    @property
    def master(self) -> RedisServer:
        port = int(self.fields()["port"])
        return next(server for server in self.servers if server.port == port)

    def wait_until_usable(self) -> None:
        wait_until(self._is_usable)

    def _is_usable(self) -> bool:
        fields = self.fields()
        others = int(fields["num-other-sentinels"])
        with self.direct(decode_responses=True) as client:
            info = client.info("replication")
        is_synchronous = info.get("slave0", {}).get("state") == "online"
        flags = str(fields["flags"]).split(",") if isinstance(fields["flags"], str) else list(fields["flags"])
        return (
            is_synchronous
            and info["role"] == "master"
            and int(fields["num-slaves"]) >= 1
            and others == len(self.sentinels) - 1
            and flags == ["master"]
        )


def _server_in(directory: Path, *options: str) -> RedisServer:
    directory.mkdir()
    return started_server(directory, options)


@contextmanager
def redis_cluster(*options: str, replicas: int = 0) -> Iterator[ClusterGroup]:
    """Run a Cluster of three primary nodes, some of them with a replica."""
    require_redis()
    with TemporaryDirectory() as directory:
        group = ClusterGroup([])
        try:
            for number in range(3 + replicas):
                own = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
                own += ("--cluster-node-timeout", str(_NODE_TIMEOUT), *options, *_QUICK_REPLICATION)
                group.servers.append(_server_in(Path(directory, str(number)), *own))
            group.create(group.servers[3:])
            yield group
        finally:
            group.stop()


@contextmanager
def redis_sentinels(*options: str, count: int = 1, down_after: int = _DOWN_AFTER) -> Iterator[SentinelGroup]:
    """Run a master, a replica and Sentinels, which replace a master that is silent for `down_after` ms."""
    require_redis()
    with TemporaryDirectory() as name:
        directory = Path(name)
        group = SentinelGroup([])
        try:
            options += _QUICK_REPLICATION
            master = _configured_server(directory / "master", "", *options)
            group.servers.append(master)
            follow = f"replicaof 127.0.0.1 {master.port}\n"
            group.servers.append(_configured_server(directory / "replica", follow, *options))
            for number in range(count):
                group.sentinels.append(
                    _start_sentinel(directory / f"sentinel{number}", master, count, down_after)
                )
            group.wait_until_usable()
            yield group
        finally:
            group.stop()
            for sentinel in group.sentinels:
                sentinel.stop()


class SharedGroups:
    """Servers of each kind for many tests; a group is started once, and is empty before each test.

    A test that freezes or stops the servers finds the same master again: a frozen one that comes back beside
    its successor would split the clients of the test.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._groups: dict[str, RedisGroup] = {}

    @contextmanager
    def of_kind(self, kind: str, *options: str) -> Iterator[RedisServer | RedisGroup]:
        """Run servers: a single one of its own with options, or the group."""
        if kind == "single":
            with redis_server(*options) as server:
                yield server
            return
        if kind not in self._groups:
            is_cluster = kind == "cluster"
            group = redis_cluster(*DURABLE) if is_cluster else redis_sentinels(*DURABLE, down_after=_NEVER)
            self._groups[kind] = self._stack.enter_context(group)
        self._groups[kind].clear()
        yield self._groups[kind]


def _start_sentinel(directory: Path, master: RedisServer, count: int, down_after: int) -> RedisServer:
    directory.mkdir()
    configuration = directory / "sentinel.conf"
    configuration.write_text(
        f"sentinel monitor {_SERVICE} 127.0.0.1 {master.port} {count // 2 + 1}\n"
        f"sentinel down-after-milliseconds {_SERVICE} {down_after}\n"
        f"sentinel failover-timeout {_SERVICE} 3000\n"
    )
    return _started(RedisServer(directory, free_port(), configuration=(str(configuration), "--sentinel")))


def _configured_server(directory: Path, text: str, *options: str) -> RedisServer:
    """A server with a file of settings, which Sentinels change, so that it keeps its role after a restart."""
    directory.mkdir()
    configuration = directory / "redis.conf"
    configuration.write_text(text)
    return _started(RedisServer(directory, free_port(), options, configuration=(str(configuration),)))


def _started(server: RedisServer) -> RedisServer:
    server.start()
    return server
