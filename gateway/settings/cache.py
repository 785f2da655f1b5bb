"""Settings of the cache, its stores and the ledger."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.settings.base import MountName, Section
from gateway.settings.redis_url import RedisUrl
from gateway.settings.secrets import RotatingKeys


class LedgerCaller(Section):
    """Name of a caller. A caller without one appears as eight digits derived from its credentials."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = Field(description="Alias of the caller.")
    batch: bool = Field(False, description="Whether all requests of the caller are batch work.")


class Ledger(Section):
    """The ledger: counts of billed and saved queries."""

    path: Path | None = Field(
        None,
        description="SQLite file. Without one, counts stay in memory: until the process ends or, with Redis,"
        " until they are written to it.",
    )
    store: Literal["file", "redis"] | None = Field(
        None,
        description="`file`, or `redis` for one ledger and one cap of all replicas in cache.redis. Default:"
        " redis if cache.redis.url is set and ledger.path is not.",
    )
    retention_days: int = Field(
        800, gt=0, le=36_500, description="Time for which counts are stored, in days."
    )
    callers: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")], LedgerCaller] = Field(
        {}, description="Names of callers, by the eight digits that the ledger shows."
    )


class Redis(Section):
    """The store shared by replicas."""

    url: RedisUrl | None = Field(
        None, description="URL of Redis: redis:// or rediss://. Percent-encode / # ? @ and % in its password."
    )
    timeout: float = Field(
        0.5,
        gt=0,
        description="Maximum time of a command, in seconds. After that, the gateway uses in-process memory.",
    )


class Cache(Section):
    """The response cache (docs/cache.md)."""

    profile: Literal["off", "cautious", "balanced"] = Field(
        "balanced", description="How long responses may be reused."
    )
    max_bytes: int = Field(
        256_000_000,
        gt=0,
        description="Maximum size of the in-process store, in bytes. A quarter of it is for responses ready"
        " to be sent.",
    )
    max_body: int = Field(8_000_000, gt=0, description="Maximum size of a stored response, in bytes.")
    keys: RotatingKeys = Field(
        (),
        description="Secrets of at least 32 random bytes (`openssl rand -base64 32`) that encrypt stored"
        " responses and hash cache keys. The first encrypts, all decrypt. Required with Redis.",
    )
    shared_callers: dict[MountName, tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...]] = Field(
        {}, description="Callers that share stored responses: SHA-256 of their credentials in hex, by alias."
    )
    max_detached_fetches: int = Field(
        100,
        ge=0,
        description="Maximum number of upstream requests that continue after every waiting client has"
        " disconnected.",
    )
    lock_seconds: float = Field(
        5.0, gt=0, description="Time after which the lock of a crashed replica expires, in seconds."
    )
    client_cache_control: str = Field(
        "private, no-cache", description="Cache-Control header of responses to clients."
    )
    redis: Redis = Field(Redis(), description="The store shared by replicas.")

    @model_validator(mode="after")
    def _require_keys_with_redis(self) -> Self:
        if self.redis.url and not self.keys:
            raise ValueError("cache.redis.url needs cache.keys, which encrypt the data in Redis")
        return self
