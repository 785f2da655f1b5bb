"""Settings of what the gateway does about trouble, size and cost."""

import re
from typing import Literal, Self

from pydantic import (
    Field,
    SecretStr,
    model_validator,
)

from gateway.settings.base import Section


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
    def _require_valid_pattern(self) -> Self:
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


class Paging(Section):
    """Links to further pages of a result."""

    keys: tuple[SecretStr, ...] = Field(
        (),
        description="secrets that seal page links: the first seals, all open; without one, links end"
        " with the process",
    )
    lifetime: int = Field(86_400, gt=0, description="seconds that a page link is good for")


class Search(Section):
    """How far a search may go."""

    max_splits: int = Field(4, gt=0, description="upstream queries that one search may be split into")
    max_queries: int = Field(5, gt=0, description="upstream queries for one page of a filtered search")
