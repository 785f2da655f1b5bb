"""The store that replicas share: Redis 7 or Valkey. What it keeps is compressed and encrypted."""

import asyncio
import hashlib
import os
import zlib
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import RedisError

from gateway.stores.base import StoreStats

T = TypeVar("T")

_PREFIX = "halo-gateway/"
#: Bytes from which a value is compressed.
_COMPRESS_FROM_BYTES = 1_000
_NONCE_BYTES = 12
_MAX_CONNECTIONS = 50
#: Fields of INFO (Redis, `INFO`): bytes in use, their cap, keys that had to go.
_INFO_FIELDS = ("used_memory", "maxmemory", "evicted_keys")
_PLAIN_MARKER, _ZLIB_MARKER = b"0", b"1"

#: The value, its time renewed; a counter that is only looked at is not made.
_INCREMENT_SCRIPT = """
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return value
"""
_ACQUIRE_LOCK_SCRIPT = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_RELEASE_LOCK_SCRIPT = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisStore:
    """Raises ConnectionError when Redis is away, slower than `timeout` seconds, or refuses to write.

    A connection that broke while nobody used it, as in a restart of Redis, is made anew first.

    The first of `keys` encrypts, all decrypt, so that keys can be rotated; values are bound to their names.
    """

    def __init__(self, url: str, keys: Sequence[str], timeout: float = 0.5) -> None:
        self._timeout = timeout
        self._ciphers = [
            AESGCM(hashlib.sha256(b"halo-gateway cache\0" + key.encode()).digest()) for key in keys
        ]
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MAX_CONNECTIONS,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1, supported_errors=(Broken,)),
        )
        self._redis = Redis.from_pool(pool)
        self._increment_script = self._redis.register_script(_INCREMENT_SCRIPT)
        self._acquire_lock_script = self._redis.register_script(_ACQUIRE_LOCK_SCRIPT)
        self._release_lock_script = self._redis.register_script(_RELEASE_LOCK_SCRIPT)

    async def get(self, name: str) -> bytes | None:
        """The value kept under a name; None too for one that no key opens."""
        sealed = await self._run_command(self._redis.get(_PREFIX + name))
        return self._decrypt(name, sealed) if isinstance(sealed, bytes) else None

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for a time."""
        await self._run_command(
            self._redis.set(_PREFIX + name, self._encrypt(name, value), px=_to_milliseconds(seconds))
        )

    async def delete(self, *names: str) -> None:
        """Forget values."""
        if names:
            await self._run_command(self._redis.delete(*(_PREFIX + name for name in names)))

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """A counter raised by an amount, as it is then; looking at one that is not there makes none."""
        number = await self._run_command(
            self._increment_script([_PREFIX + name], [amount, _to_milliseconds(seconds)])
        )
        if not isinstance(number, int):
            raise ConnectionError("NotRedis")
        return number

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Whether the holder has the lease; claiming again what one has makes it last longer."""
        return bool(
            await self._run_command(
                self._acquire_lock_script([_PREFIX + name], [holder, _to_milliseconds(seconds)])
            )
        )

    async def release_lock(self, name: str, holder: str) -> None:
        """Give a lease back; somebody else's stays."""
        await self._run_command(self._release_lock_script([_PREFIX + name], [holder]))

    async def read_stats(self) -> StoreStats:
        """What this Redis holds, for us and for others; nothing where it does not say."""
        try:
            found = await self._run_command(self._redis.info())
            entries = await self._run_command(self._redis.dbsize())
        except ConnectionError:
            return StoreStats("redis")
        return StoreStats("redis", entries, *(int(found.get(name, 0)) for name in _INFO_FIELDS))

    async def problem(self) -> str:
        """What is wrong: found out by writing, since a full Redis still reads."""
        try:
            await self._run_command(self._redis.set(_PREFIX + "probe", b"1", px=1_000))
        except ConnectionError as problem:
            return f"Redis does not take writes: {problem}"
        return ""

    async def aclose(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def _run_command(self, command: Awaitable[T]) -> T:
        """What Redis answers. Names the kind of a problem only: its words may hold names."""
        try:
            async with asyncio.timeout(self._timeout):
                return await command
        except (RedisError, OSError, TimeoutError) as problem:
            raise ConnectionError(type(problem).__name__) from problem

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
