"""Client for threads, on each kind of Redis."""

import pytest
from redis.exceptions import RedisClusterException
from support.redis_groups import KINDS, SharedGroups

from gateway.stores.redis_client import Script
from gateway.stores.redis_sync_client import open_sync_client, read_memory_figures, run_script


@pytest.mark.parametrize("kind", KINDS)
def test_script_and_figures_of_each_kind(redis_groups: SharedGroups, kind: str) -> None:
    script = Script(f"-- {kind}\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])")
    with redis_groups.of_kind(kind) as servers, open_sync_client(servers.url, 5.0) as client:
        assert [run_script(client, script, ["name"], [3]) for _ in range(2)] == [3, 6]
        assert client.get("name") == "6"
        assert read_memory_figures(client, "name")["maxmemory"] == 0


def test_cluster_without_a_node_is_an_error_at_once() -> None:
    with pytest.raises(RedisClusterException):
        open_sync_client("redis+cluster://127.0.0.1:9", 0.2)
