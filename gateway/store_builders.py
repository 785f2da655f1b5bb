"""Builders of the store, the channel and the ledger of a process, in its memory, a file or Redis."""

from contextlib import AsyncExitStack
from math import inf
from secrets import randbelow
from typing import Final

from gateway.key_derivation import derive_key
from gateway.ledger.ledger import OUTAGE_SECONDS, Ledger
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.settings import Cache, Settings
from gateway.stores.base import Store
from gateway.stores.channel import Channel, NoChannel
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.replicas import NoReplicas, ReplicaTable, process_name

#: Numbers at which a spare store may begin to count invalidations. A response from before a write may wait
#: from one outage to the next, and must not find in the next spare store the numbers of the first.
_FIRST_NUMBERS: Final = 2**52


def open_store(cache: Cache, exit_stack: AsyncExitStack) -> Store:
    """Open the store of the settings; `exit_stack` closes it."""
    if cache.redis.url is None:
        return _memory_store(cache)
    from gateway.stores.redis import RedisStore  # the import takes 50 ms

    url, keys = cache.redis.url.get_secret_value(), [key.get_secret_value() for key in cache.keys]
    shared = RedisStore(url, keys, cache.redis.timeout)
    fallback = FallbackStore(shared, lambda: _memory_store(cache, randbelow(_FIRST_NUMBERS)))
    exit_stack.push_async_callback(shared.aclose)
    exit_stack.push_async_callback(fallback.aclose)
    return fallback


def _memory_store(cache: Cache, first_number: int = 0) -> MemoryStore:
    return MemoryStore(cache.max_bytes - fast_path_bytes(cache), first_number=first_number)


def open_channel(cache: Cache) -> Channel:
    """Channel of the replicas that share a store; the application opens it."""
    if cache.redis.url is None:
        return NoChannel()
    from gateway.stores.redis_channel import RedisChannel

    return RedisChannel(cache.redis.url.get_secret_value(), cache.redis.timeout)


def create_replicas(
    store: Store, channel: Channel, worker: int = 0, process_secret: str = ""
) -> NoReplicas | ReplicaTable:
    """Replicas that share a store and a channel; the application opens them.

    `worker`: number of this one, whose successor gets the same `process_secret`.
    """
    name = process_name(worker)
    if not isinstance(store, FallbackStore):
        return NoReplicas(name)
    identity = derive_key(process_secret, f"replica {worker}").hex() if process_secret else ""
    return ReplicaTable(store, name, identity, lambda: store.is_down, channel.has_unsent)


def fast_path_bytes(cache: Cache) -> int:
    """Maximum size of the cache of prepared responses, in bytes."""
    return cache.max_bytes // 4


def create_ledger(settings: Settings) -> Ledger:
    """Ledger of all replicas in Redis if they share one, else in a file or in memory.

    With a file for what Redis does not have yet, an outage of Redis loses no count: no lasting problem.
    """
    options, url, timeout = settings.ledger, ledger_url(settings), settings.cache.redis.timeout
    if url:
        from gateway.ledger.redis_ledger import RedisLedger

        backend = RedisLedger(url, options.path, retention_days=options.retention_days, timeout=timeout)
        return Ledger(backend, outage_seconds=inf if options.path else OUTAGE_SECONDS)
    return Ledger(SqliteLedger(options.path, options.retention_days))


def ledger_url(settings: Settings) -> str:
    """URL of the Redis with the ledger of all replicas; empty if the ledger is in a file or in memory.

    Without `ledger.store`, a configured `ledger.path` means a file.
    """
    options, url = settings.ledger, settings.cache.redis.url
    is_shared = options.store == "redis" if options.store else options.path is None
    return url.get_secret_value() if url and is_shared else ""
