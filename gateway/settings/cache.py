"""Settings of the cache, its stores and the ledger."""

import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.base import ByteCount, CountOrZero, MountName, Seconds, Section
from gateway.settings.redis_url import RedisUrl
from gateway.settings.secrets import RotatingKeys


class LedgerCaller(Section):
    """Name of a caller. A caller without one appears as eight digits derived from its credentials."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._][A-Za-z0-9._-]{0,39}$")] = Field(
        description="Alias of the caller."
    )
    batch: bool = Field(False, description="Whether all requests of the caller are batch work.")


def _is_folder(path: Path) -> bool:
    """Whether this is a folder; `Path.is_dir` raises OSError for a path that is unreadable or too long."""
    return os.path.isdir(path)  # noqa: PTH112


def _check_ledger_path(path: Path) -> Path:
    """Return the path. Raises ValueError if no file can have it, or its folder does not exist."""
    if not str(path).isprintable() or str(path).startswith(":") or _is_folder(path):
        raise ValueError("must be the path of a file, such as /var/lib/halo-gateway/ledger.sqlite3")
    if not _is_folder(path.absolute().parent):
        raise ValueError("must be in a folder that exists: create the folder, or correct the path")
    return path


class Ledger(Section):
    """The ledger: counts of billed and saved queries."""

    path: Annotated[Path, AfterValidator(_check_ledger_path)] | None = Field(
        None,
        description="SQLite file in an existing folder, readable by its owner only. Without one, counts stay"
        " in memory: until the process ends or, with Redis, until they are written to it.",
    )
    store: Literal["file", "redis"] | None = Field(
        None,
        description="`file`, or `redis` for one ledger and one cap of all replicas in cache.redis. Default:"
        " redis if cache.redis.url is set and ledger.path is not.",
    )
    required: bool = Field(
        False,
        description="Whether /readyz is 503 while the ledger cannot be written, so that load balancers send"
        " no requests. Else it only warns. Needs ledger.path or cache.redis.url.",
    )
    retention_days: int = Field(
        800, gt=0, le=36_500, description="Time for which counts are stored, in days."
    )
    price_per_query: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="Price of one billable query, in `currency`, for reports and advice."
    )
    price_per_megabyte: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="Price of 1,000,000 bytes of billable responses, in `currency`."
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        "AUD", description="Currency of the prices (ISO 4217)."
    )
    callers: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")], LedgerCaller] = Field(
        {}, description="Names of callers, by the eight digits that the ledger shows."
    )


class Redis(Section):
    """The store shared by replicas."""

    url: RedisUrl | None = Field(
        None,
        description="URL of Redis: redis://:password@host:6379/0,"
        " redis+sentinel://:password@host:26379,host2:26379/mymaster/0 or"
        " redis+cluster://:password@host:7001,host2:7002; rediss for TLS. Percent-encode / # ? @ and % in its"
        " password.",
    )
    timeout: Seconds = Field(
        0.5,
        description="Maximum time of a command, in seconds. After that, the gateway uses in-process memory.",
    )


_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
#: Cache-Control field (RFC 9111 section 5.2) without quoted strings, which `private` may not have here.
_CACHE_CONTROL: Final = re.compile(rf"{_WORD}(?:={_WORD})?(?:, ?{_WORD}(?:={_WORD})?)*")


def _check_client_cache_control(value: str) -> str:
    """Return the field. Raises ValueError unless it keeps responses out of caches that clients share."""
    directives = {directive.strip().lower() for directive in value.split(",")}
    names = {directive.partition("=")[0] for directive in directives}
    is_private = bool(directives & {"private", "no-store"}) and not names & {"public", "s-maxage"}
    if not (_CACHE_CONTROL.fullmatch(value) and is_private):
        raise ValueError(
            "must be directives with private or no-store, and without public and s-maxage; such as:"
            " private, no-cache"
        )
    return value


def _check_groups(groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    callers = [caller for members in groups.values() for caller in members]
    if len(set(callers)) < len(callers):
        raise ValueError("a caller is in two groups, or twice in one: remove all but one")
    return groups


class Cache(Section):
    """The response cache (docs/cache.md)."""

    profile: Literal["off", "cautious", "balanced"] = Field(
        "balanced", description="How long responses may be reused."
    )
    max_bytes: ByteCount = Field(
        256_000_000,
        description="Maximum size of the in-process store, in bytes. A quarter of it is for responses ready"
        " to be sent.",
    )
    max_body: ByteCount = Field(8_000_000, description="Maximum size of a stored response, in bytes.")
    keys: RotatingKeys = Field(
        (),
        description="Secrets of at least 32 random bytes (`openssl rand -base64 32`) that encrypt stored"
        " responses and hash cache keys. The first encrypts, all decrypt. Required with Redis.",
    )
    shared_callers: Annotated[
        dict[MountName, tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...]],
        AfterValidator(_check_groups),
    ] = Field(
        {}, description="Callers that share stored responses: SHA-256 of their credentials in hex, by alias."
    )
    max_detached_fetches: CountOrZero = Field(
        100,
        description="Maximum number of upstream requests that continue after every waiting client has"
        " disconnected.",
    )
    lock_seconds: Seconds = Field(
        5.0, description="Time after which the lock of a crashed replica expires, in seconds."
    )
    client_cache_control: Annotated[str, AfterValidator(_check_client_cache_control)] = Field(
        "private, no-cache",
        description="Cache-Control header of responses to clients. It contains `private` or `no-store`.",
    )
    redis: Redis = Field(Redis(), description="The store shared by replicas.")

    @model_validator(mode="after")
    def _require_keys_with_redis(self) -> Self:
        if self.redis.url and not self.keys:
            raise ValueError(
                "redis.url needs cache.keys, which encrypt the data in Redis; write, for example, keys ="
                " a list of what `halo-gateway keys new` prints"
            )
        return self
