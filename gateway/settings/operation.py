"""Settings of what the gateway does about trouble, size and cost."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from gateway.extras import require_extra
from gateway.settings.redis_url import RedisUrl
from gateway.settings.sections import MountName, Section


class Retry(Section):
    """Repeating reads that certainly did not run."""

    patience: float = Field(10.0, ge=0, description="seconds a client is kept waiting beyond the query")
    first: float = Field(0.5, gt=0, description="seconds the first wait may last; each further one doubles")
    longest: float = Field(5.0, gt=0, description="seconds one wait may last")
    share: float = Field(0.05, ge=0, le=1, description="part of a site's last hour of queries for retries")
    least: int = Field(5, ge=0, description="retries an hour that a site may have in any case")
    unanswered: bool = Field(
        False, description="repeat a read that timed out or broke off; it may be billed twice"
    )


class Rest(Section):
    """Leaving a failing practice alone."""

    start: float = Field(5.0, gt=0, description="seconds of the first rest; doubles with each failure")
    longest: float = Field(300.0, gt=0, description="seconds a rest may last")
    concurrency: int = Field(16, gt=0, description="exchanges at once with one site")
    queue: int = Field(200, ge=0, description="requests that may wait for one site")


class PauseRule(Section):
    """One message, or code, that pauses requests."""

    id: str = Field(description="its name")
    says: str = Field("", description="regular expression on the upstream's words")
    code: str = Field("", description="the failure's code")
    seconds: float = Field(gt=0, description="length")
    scope: Literal["gateway", "caller", "site", "caller-at-site", "practitioner"] = Field(
        description="what it pauses"
    )

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if not (self.says or self.code):
            raise ValueError("a rule needs says or code")
        try:
            re.compile(self.says)
        except (re.error, RecursionError, OverflowError) as problem:
            raise ValueError("says is no regular expression") from problem
        return self


class Pauses(Section):
    """Messages that mean: not now."""

    rules: tuple[PauseRule, ...] = Field((), description="rules of yours, before the built-in ones")


class PageSize(Section):
    """Pages that fit under Halo's limit."""

    limit: int = Field(8_388_608, gt=0, description="bytes of an answer until a 413 names another limit")
    probe: float = Field(28_800.0, gt=0, description="seconds between two tries of a larger page")


class Writes(Section):
    """What happens to a change before it is sent."""

    validation: Literal["off", "warn", "refuse"] = Field(
        "off",
        description="what becomes of a create, update, batch or transaction that is not valid FHIR R4: `warn`"
        " sends it and names the elements in Gateway-Validation, `refuse` answers 400; both need the extra"
        " `validation`",
    )

    @field_validator("validation")
    @classmethod
    def _judged(cls, validation: str) -> str:
        if validation != "off":
            require_extra("validation")
        return validation


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


def _has_port(listen: str) -> str:
    if int(listen.rpartition(":")[2]) > _PORTS:
        raise ValueError(f"a port is at most {_PORTS}")
    return listen


_PORTS = 65_535
Listen = Annotated[
    str,
    Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):\d{1,5}$"),
    AfterValidator(_has_port),
]


class Admin(Section):
    """The operators' endpoints."""

    token: SecretStr | None = Field(
        None,
        min_length=16,
        description="bearer token of /admin; without one it is not there, but for a port of its own",
    )
    listen: Listen | None = Field(
        None, description="host:port of /admin alone, instead of the gateway's own; for operators only"
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
    def _sealed(self) -> Self:
        if self.redis.url and not self.keys:
            raise ValueError("cache.redis.url needs cache.keys: what leaves the process is encrypted")
        return self
