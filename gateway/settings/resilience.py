"""Settings of retries, circuit breaker, bulkhead, pauses, paging and search."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.errors import catalog
from gateway.errors.failure import FailureKind
from gateway.search.limits import SearchLimits
from gateway.settings.base import ByteCount, Count, CountOrZero, Seconds, Section, WholeSeconds
from gateway.settings.message_pattern import MessagePattern
from gateway.settings.secrets import RotatingKeys
from gateway.upstreams import rule_kinds


class Retry(Section):
    """Retries of reads that did not run at the practice."""

    max_wait_seconds: float = Field(
        10.0,
        ge=0,
        le=31_536_000,
        description="Maximum total time a request waits in queues and between retries, in seconds.",
    )
    initial_backoff_seconds: Seconds = Field(
        0.5,
        description="Maximum wait before the first retry, in seconds. It doubles for each further one.",
    )
    max_backoff_seconds: Seconds = Field(5.0, description="Maximum wait before any retry, in seconds.")
    budget_ratio: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Maximum retries as a share of a caller's queries at a site in the last hour. All"
        " unproved callers together count as one.",
    )
    budget_min_per_hour: CountOrZero = Field(
        5,
        description="Number of retries per hour that every caller may have at a site, whatever the ratio"
        " gives.",
    )
    max_upstream_wait_seconds: Seconds = Field(
        86_400.0,
        description="Maximum wait that an upstream may demand with Retry-After, in seconds. A wait that its"
        " error text names counts at most circuit_breaker.max_open_seconds.",
    )
    retry_on_timeout: bool = Field(
        False,
        description="Whether to retry a read that timed out or whose connection broke. The practice may have"
        " run it, so it may be billed twice.",
    )


class CircuitBreaker(Section):
    """Circuit breaker per site."""

    initial_open_seconds: Seconds = Field(
        5.0,
        description="Time a circuit stays open when it first opens, in seconds. It doubles with each further"
        " failure.",
    )
    max_open_seconds: Seconds = Field(300.0, description="Maximum time a circuit stays open, in seconds.")


class Bulkhead(Section):
    """Concurrency per site. One caller may have half of it; all unproved callers together count as one."""

    max_concurrent: Count = Field(16, description="Maximum number of concurrent upstream requests per site.")
    max_queue: CountOrZero = Field(200, description="Maximum number of requests that wait for one site.")


_MAX_PAUSE_SECONDS: Final = 86_400
_CODES: Final = frozenset(
    kind.code for kind in (*vars(catalog).values(), *rule_kinds()) if isinstance(kind, FailureKind)
)


def _check_code(code: str) -> str:
    if code and code not in _CODES:
        raise ValueError("is no code of a failure; docs/errors.md lists them")
    return code


class PauseRule(Section):
    """One rule that pauses requests after an upstream error."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9\-]{0,39}$")] = Field(description="Name of the rule.")
    message_pattern: MessagePattern = Field(
        "",
        description="Regular expression that the upstream's message matches, regardless of case. Write"
        " `{0,60}` instead of `*` and `+`: no message may take it long.",
    )
    code: Annotated[str, AfterValidator(_check_code)] = Field(
        "", description="Code of the failure (docs/errors.md)."
    )
    seconds: float = Field(
        gt=0,
        le=_MAX_PAUSE_SECONDS,
        description="Length of the pause where the upstream names no time, in seconds; at most a day.",
    )
    scope: Literal["gateway", "caller", "site", "caller-at-site", "practitioner"] = Field(
        description="Which requests the rule pauses."
    )

    @model_validator(mode="after")
    def _require_condition(self) -> Self:
        if not (self.message_pattern or self.code):
            raise ValueError(
                'needs message_pattern or code; write, for example, message_pattern = "closed for lunch"'
            )
        return self


def _check_distinct_ids(rules: tuple[PauseRule, ...]) -> tuple[PauseRule, ...]:
    if len({rule.id for rule in rules}) < len(rules):
        raise ValueError("two rules have the same id")
    return rules


class Pauses(Section):
    """Pauses after upstream errors that say that requests cannot succeed for now."""

    rules: Annotated[tuple[PauseRule, ...], AfterValidator(_check_distinct_ids)] = Field(
        (), max_length=100, description="Additional rules. The gateway applies them before its own."
    )


class Paging(Section):
    """Page links and page sizes."""

    keys: RotatingKeys = Field(
        (),
        description="Secrets of at least 32 random bytes (`openssl rand -base64 32`) that encrypt page"
        " links. The first encrypts, all decrypt. Without one, links become invalid when the process ends.",
    )
    link_lifetime_seconds: WholeSeconds = Field(
        86_400, description="Time for which a page link is valid, in seconds."
    )
    max_response_bytes: ByteCount = Field(
        8_388_608,
        description="Maximum size of an upstream response, in bytes, until a 413 names another limit.",
    )
    probe_interval_seconds: Seconds = Field(
        28_800.0, description="Time between two attempts to fetch a larger page, in seconds."
    )


class Search(Section):
    """Upstream queries per search, and limits of searches."""

    max_split_queries: Count = Field(
        4, description="Maximum number of upstream queries that one search is split into."
    )
    max_queries_per_page: Count = Field(
        5, description="Maximum number of upstream queries for one page of a filtered search."
    )
    max_parameters: Count = Field(
        200, description="Maximum number of parameters of a client's search, in URL and form together."
    )
    max_length: Count = Field(
        100_000, description="Maximum length of a client's search, in URL and form together, in bytes."
    )
    max_name_length: Count = Field(
        200, description="Maximum length of a parameter's name with its chain, in characters."
    )
    max_chain_depth: Count = Field(
        5, description="Maximum number of steps (chains and _has) in a parameter's name."
    )
    max_list_values: Count = Field(
        1_000, description="Maximum number of comma-separated values of one parameter."
    )
    max_date_values: Count = Field(
        100,
        description="Maximum number of date values of a client's search. After a chain without a resource"
        " type, each value counts once for every type.",
    )

    @property
    def limits(self) -> SearchLimits:
        """Limits of a client's search."""
        return SearchLimits(**{name: getattr(self, name) for name in SearchLimits._fields})
