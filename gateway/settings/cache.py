"""Settings of the cache, its store and the ledger."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from gateway.settings.base import MountName, Section
from gateway.settings.redis_url import RedisUrl


class LedgerCaller(Section):
    """One caller by name; until then it shows as eight digits made from its credentials."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = Field(description="its alias")
    batch: bool = Field(False, description="its requests are batch work")


class Ledger(Section):
    """What was paid and saved."""

    path: Path | None = Field(
        None,
        description="SQLite file; without one, counts end with the process, or wait in memory for Redis",
    )
    store: Literal["file", "redis"] | None = Field(
        None,
        description="`file`, or `redis`: one ledger and one cap for all replicas, in cache.redis; by default"
        " redis where cache.redis.url is set and path is not",
    )
    keep_days: int = Field(800, gt=0, le=36_500, description="days that are kept")
    callers: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")], LedgerCaller] = Field(
        {}, description="names for callers, by the eight digits the ledger shows"
    )


class Redis(Section):
    """The store that replicas share."""

    url: RedisUrl | None = Field(
        None, description="redis:// or rediss:// URL; / # ? @ and % in its password are percent-encoded"
    )
    timeout: float = Field(
        0.5, gt=0, description="seconds one command may take; then this process's memory stands in"
    )


class Cache(Section):
    """What is answered without asking again; docs/cache.md."""

    profile: Literal["off", "cautious", "balanced"] = Field(
        "balanced", description="how long answers may be reused"
    )
    max_bytes: int = Field(
        256_000_000,
        gt=0,
        description="bytes of the embedded store, a quarter of them for answers ready to be sent",
    )
    max_body: int = Field(8_000_000, gt=0, description="bytes of an answer that is kept at most")
    keys: tuple[SecretStr, ...] = Field(
        (), description="secrets that encrypt and name what is kept; the first encrypts; needed with Redis"
    )
    shared_callers: dict[MountName, tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...]] = Field(
        {}, description="by alias: hashes of credentials whose holders share answers"
    )
    orphans: int = Field(100, ge=0, description="queries that may run on when nobody waits for them")
    lease: float = Field(5.0, gt=0, description="seconds that a killed replica may hold up the others")
    downstream: str = Field("private, no-cache", description="Cache-Control of answers")
    trust_etags: bool = Field(
        False, description="validate resources by the upstream's own ETags: they change with every change"
    )
    redis: Redis = Field(Redis(), description="the store that replicas share")

    @model_validator(mode="after")
    def _require_keys_with_redis(self) -> Self:
        if self.redis.url and not self.keys:
            raise ValueError("cache.redis.url needs cache.keys: what leaves the process is encrypted")
        return self
