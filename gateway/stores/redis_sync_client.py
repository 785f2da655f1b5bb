"""Client for threads of one Redis, of the master that Sentinels name, or of a Cluster."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import NoScriptError
from redis.retry import Retry
from redis.sentinel import Sentinel

from gateway.stores.redis_client import Script, connection_options, sentinel_options, timeouts
from gateway.stores.redis_servers import parse_redis_url


def open_sync_client(url: str, timeout: float) -> Redis:
    """Create a client that sends each command once. `timeout` to connect and to wait, in seconds.

    Names of keys and responses are texts. Raises what redis-py raises if no node of a Cluster answers.
    """
    servers = parse_redis_url(url)
    options = {**timeouts(timeout), "retry": Retry(NoBackoff(), 0), "decode_responses": True}
    if servers.kind == "single":
        return Redis.from_url(url, **options)
    options |= connection_options(servers)
    if servers.kind == "sentinel":
        sentinel = Sentinel(  # type: ignore[no-untyped-call] # redis-py's
            servers.addresses,
            sentinel_kwargs={**sentinel_options(servers, timeout), "retry": options["retry"]},
        )
        master = sentinel.master_for(servers.service, **options)  # type: ignore[no-untyped-call]
        return cast("Redis", master)
    nodes = [ClusterNode(*address) for address in servers.addresses]  # type: ignore[no-untyped-call]
    return cast("Redis", RedisCluster(startup_nodes=nodes, **options))


def run_script(redis: Redis, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
    """Run a script; its keys are in one slot."""
    try:
        return redis.evalsha(script.digest, len(keys), *keys, *arguments)
    except NoScriptError:
        return redis.eval(script.text, len(keys), *keys, *arguments)


def read_memory_figures(redis: Redis, key: str) -> Mapping[str, Any]:
    """Read the section `memory` of INFO of the server that has a key."""
    if isinstance(redis, RedisCluster):
        return redis.info("memory", target_nodes=redis.get_node_from_key(key))
    return redis.info("memory")
