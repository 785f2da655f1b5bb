"""Store shared by replicas in Redis 7 or Valkey, with compressed and encrypted values.

Redis may lose writes that it has confirmed: a replica that becomes the master lacks the last ones of the old
master, and a server that starts again may read an old file. Values may be lost, or be older ones. Only a
counter of invalidations must never go back, because a response from before a write would be served again.
Therefore such a counter is returned together with the identity of the master's data set, its replication
id, which each promotion and each start changes: what was stored before has other numbers. Redis may also lose
a counter alone, by eviction or with one node of a Cluster: a missing one begins at a random number.
"""

import asyncio
import os
import zlib
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from secrets import randbelow
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.key_derivation import derive_key
from gateway.stores.base import INVALIDATION_PREFIX, StoreStats
from gateway.stores.redis_client import FAILURES, MAX_CONNECTIONS, Script, open_client

_PREFIX = "halo-gateway/"
#: Size in bytes from which a value is compressed; a smaller one would gain little.
_COMPRESS_FROM_BYTES = 1_000
_NONCE_BYTES = 12
#: Seconds that what a probe writes is stored.
_PROBE_SECONDS = 1.0
#: Maximum number of values that one command reads.
_MAX_READ = 100
#: Numbers at which a counter of invalidations may begin: Lua adds exactly up to 2**53.
_FIRST_NUMBERS = 2**52
#: Fields of INFO (Redis, `INFO`): bytes in use, maximum bytes, evicted keys.
_INFO_FIELDS = ("used_memory", "maxmemory", "evicted_keys")
_PLAIN_MARKER, _ZLIB_MARKER = b"0", b"1"

#: Returns the value and renews its lifetime; an amount of 0 does not create a counter.
_INCREMENT_SCRIPT = Script("""
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return value
""")
#: Also returns the replication id; a replica may not have the latest increments, and refuses. A missing
#: counter begins at the number in ARGV[3], because Redis may have lost it: an amount of 0 creates it, too.
#: Without that number a missing one stays missing, and the result is empty.
#: Reading a counter writes nothing until half of its lifetime is over: Redis may wait for its disk. But its
#: PEXPIRE, which changes nothing, is refused where a write is: a master with fewer replicas than
#: `min-replicas-to-write` may have a successor with newer numbers. (Before another write it would let
#: that one pass in a full Redis.)
_INVALIDATION_SCRIPT = Script("""
local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) then return redis.error_reply('READONLY not the master') end
local id = string.match(info, 'master_replid:(%w+)')
local known = redis.call('GET', KEYS[1])
local is_young = known and redis.call('PTTL', KEYS[1]) * 2 > tonumber(ARGV[2])
if ARGV[1] == '0' and is_young or not known and not ARGV[3] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2], 'NX')
    return known and {tonumber(known), id} or {}
end
if not known then redis.call('SET', KEYS[1], ARGV[3]) end
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {value, id}
""")
_ACQUIRE_LOCK_SCRIPT = Script("""
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
""")
_RELEASE_LOCK_SCRIPT = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")


class RedisStore:
    """Raises ConnectionError if Redis is down, slower than `timeout` seconds, or refuses to write.

    A connection that broke while idle, as in a restart of Redis, is opened again first.

    The first of `keys` encrypts, all decrypt, so that keys can be rotated; values are bound to their names.
    """

    def __init__(self, url: str, keys: Sequence[str], timeout: float = 0.5) -> None:
        self._timeout = timeout
        self._ciphers = [AESGCM(derive_key(key, "stored values")) for key in keys]
        self._client = open_client(url, timeout, repetitions=1)
        #: More commands at once wait, so that hundreds of connections do not make each late.
        self._turns = asyncio.Semaphore(MAX_CONNECTIONS)

    async def get(self, name: str) -> bytes | None:
        """Return the value stored under a name; None also if no key decrypts it."""
        encrypted = await self._run_command(self._client.get, _PREFIX + name)
        return self._decrypt(name, encrypted) if isinstance(encrypted, bytes) else None

    async def get_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the values stored under those of these names that have one; reads a hundred at once."""
        values: dict[str, bytes] = {}
        for start in range(0, len(names), _MAX_READ):
            part = names[start : start + _MAX_READ]
            found = await self._run_command(self._client.get_all, [_PREFIX + name for name in part])
            for name, encrypted in zip(part, found, strict=True):
                value = self._decrypt(name, encrypted) if isinstance(encrypted, bytes) else None
                if value is not None:
                    values[name] = value
        return values

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        encrypted = self._encrypt(name, value)
        await self._run_command(self._client.set, _PREFIX + name, encrypted, px=_to_milliseconds(seconds))

    async def delete(self, *names: str) -> None:
        """Delete values."""
        if names:
            await self._run_command(self._client.delete, *(_PREFIX + name for name in names))

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter and return its value; an amount of 0 does not create a counter.

        A counter of invalidations is created in any case. Its number differs after each increment, and after
        Redis may have lost one.
        """
        if name.startswith(INVALIDATION_PREFIX):
            return await self._increment_invalidations(name, amount, seconds)
        result = await self._run_script(_INCREMENT_SCRIPT, name, amount, _to_milliseconds(seconds))
        if isinstance(result, int):
            return result
        raise ConnectionError("NotRedis")

    async def read_invalidations(self, name: str, seconds: float) -> int | None:
        """Return the number of a counter of invalidations, renew its lifetime, and never create it."""
        return await self._count_invalidations(name, 0, _to_milliseconds(seconds))

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock, or renew it for its holder; return whether the holder has it."""
        return bool(await self._run_script(_ACQUIRE_LOCK_SCRIPT, name, holder, _to_milliseconds(seconds)))

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        await self._run_script(_RELEASE_LOCK_SCRIPT, name, holder)

    async def read_stats(self) -> StoreStats:
        """Read the figures of this Redis, including its other users; empty if it does not respond."""
        try:
            figures = await self._run_command(self._client.read_figures)
            entries = await self._run_command(self._client.count_entries)
        except ConnectionError:
            return StoreStats("redis")
        sums = (sum(int(info.get(name, 0)) for info in figures) for name in _INFO_FIELDS)
        return StoreStats("redis", entries, *sums)

    async def problem(self) -> str:
        """Describe the fault of Redis; tested on each server by commands of every kind that the store sends.

        A full Redis still reads, and an ACL may refuse a single command.
        """
        try:
            for place in await self._run_command(self._client.probe_names, _PREFIX + "probe"):
                await self._probe(f"probe/{{{place}}}")
        except ConnectionError as error:
            return f"Redis does not accept writes: {error}"
        return ""

    async def _probe(self, name: str) -> None:
        """Send commands of every kind, with names in the slot of this one."""
        await self.set(name, b"1", _PROBE_SECONDS)
        await self.get(name)
        await self.get_all([name])
        await self.delete(name)
        for counter in (f"{name}/counter", f"{INVALIDATION_PREFIX}{name}"):
            await self.increment(counter, 1, _PROBE_SECONDS)
        await self.read_invalidations(f"{INVALIDATION_PREFIX}{name}", _PROBE_SECONDS)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _increment_invalidations(self, name: str, amount: int, seconds: float) -> int:
        first_number = randbelow(_FIRST_NUMBERS)
        number = await self._count_invalidations(name, amount, _to_milliseconds(seconds), first_number)
        if number is None:
            raise ConnectionError("NotRedis")
        return number

    async def _count_invalidations(self, name: str, *arguments: int) -> int | None:
        result = await self._run_script(_INVALIDATION_SCRIPT, name, *arguments)
        if isinstance(result, list):
            return _number_of(*result) if result else None
        raise ConnectionError("NotRedis")

    async def _run_script(self, script: Script, name: str, *arguments: str | int) -> Any:
        return await self._run_command(self._client.run_script, script, [_PREFIX + name], arguments)

    async def _run_command(
        self, command: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any
    ) -> Any:
        """Return the response. A ConnectionError states the error's type only: its text may contain names."""
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                return await command(*arguments, **options)
        except FAILURES as error:
            raise ConnectionError(type(error).__name__) from error

    def _encrypt(self, name: str, value: bytes) -> bytes:
        nonce, large = os.urandom(_NONCE_BYTES), len(value) >= _COMPRESS_FROM_BYTES
        data = _ZLIB_MARKER + zlib.compress(value, 1) if large else _PLAIN_MARKER + value
        return nonce + self._ciphers[0].encrypt(nonce, data, name.encode())

    def _decrypt(self, name: str, encrypted_value: bytes) -> bytes | None:
        for cipher in self._ciphers:
            try:
                data = cipher.decrypt(
                    encrypted_value[:_NONCE_BYTES], encrypted_value[_NONCE_BYTES:], name.encode()
                )
            except (InvalidTag, ValueError):
                continue
            return zlib.decompress(data[1:]) if data[:1] == _ZLIB_MARKER else data[1:]
        return None


def _to_milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _number_of(value: int, replication_id: bytes) -> int:
    """Return 64 bits of a counter's value and the identity of its data set."""
    return int.from_bytes(blake2b(b"%d %b" % (value, replication_id), digest_size=8).digest())
