"""Store shared by replicas in Redis 7 or Valkey, with compressed and encrypted values."""

import asyncio
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

from gateway.key_derivation import derive_key
from gateway.stores.base import StoreStats

T = TypeVar("T")

_PREFIX = "halo-gateway/"
#: Size in bytes from which a value is compressed; a smaller one would gain little.
_COMPRESS_FROM_BYTES = 1_000
_NONCE_BYTES = 12
_MAX_CONNECTIONS = 50
#: Fields of INFO (Redis, `INFO`): bytes in use, maximum bytes, evicted keys.
_INFO_FIELDS = ("used_memory", "maxmemory", "evicted_keys")
_PLAIN_MARKER, _ZLIB_MARKER = b"0", b"1"

#: Returns the value and renews its lifetime; an amount of 0 does not create a counter.
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
    """Raises ConnectionError if Redis is down, slower than `timeout` seconds, or refuses to write.

    A connection that broke while idle, as in a restart of Redis, is opened again first.

    The first of `keys` encrypts, all decrypt, so that keys can be rotated; values are bound to their names.
    """

    def __init__(self, url: str, keys: Sequence[str], timeout: float = 0.5) -> None:
        self._timeout = timeout
        self._ciphers = [AESGCM(derive_key(key, "stored values")) for key in keys]
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
        """Return the value stored under a name; None also if no key decrypts it."""
        encrypted = await self._run_command(self._redis.get(_PREFIX + name))
        return self._decrypt(name, encrypted) if isinstance(encrypted, bytes) else None

    async def set(self, name: str, value: bytes, seconds: float) -> None:
        """Store a value for a number of seconds."""
        await self._run_command(
            self._redis.set(_PREFIX + name, self._encrypt(name, value), px=_to_milliseconds(seconds))
        )

    async def delete(self, *names: str) -> None:
        """Delete values."""
        if names:
            await self._run_command(self._redis.delete(*(_PREFIX + name for name in names)))

    async def increment(self, name: str, amount: int, seconds: float) -> int:
        """Increment a counter and return its value; an amount of 0 does not create a counter."""
        value = await self._run_command(
            self._increment_script([_PREFIX + name], [amount, _to_milliseconds(seconds)])
        )
        if not isinstance(value, int):
            raise ConnectionError("NotRedis")
        return value

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Acquire a lock, or renew it for its holder; return whether the holder has it."""
        return bool(
            await self._run_command(
                self._acquire_lock_script([_PREFIX + name], [holder, _to_milliseconds(seconds)])
            )
        )

    async def release_lock(self, name: str, holder: str) -> None:
        """Release a lock, if the holder has it."""
        await self._run_command(self._release_lock_script([_PREFIX + name], [holder]))

    async def read_stats(self) -> StoreStats:
        """Read the figures of this Redis, including its other users; empty if it does not respond."""
        try:
            info = await self._run_command(self._redis.info())
            entries = await self._run_command(self._redis.dbsize())
        except ConnectionError:
            return StoreStats("redis")
        return StoreStats("redis", entries, *(int(info.get(name, 0)) for name in _INFO_FIELDS))

    async def problem(self) -> str:
        """Describe the fault of Redis; tested by a write, because a full Redis still reads."""
        try:
            await self._run_command(self._redis.set(_PREFIX + "probe", b"1", px=1_000))
        except ConnectionError as error:
            return f"Redis does not accept writes: {error}"
        return ""

    async def aclose(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def _run_command(self, command: Awaitable[T]) -> T:
        """Return the response. A ConnectionError states the error's type only: its text may contain names."""
        try:
            async with asyncio.timeout(self._timeout):
                return await command
        except (RedisError, OSError, TimeoutError) as error:
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
