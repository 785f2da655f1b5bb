"""Immediate and async queries with their states (OpenAPI 26.619)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from gateway.emulator.sites import Site
from gateway.emulator.sql.query_error import QueryError
from gateway.emulator.sql.results import Result

Status = Literal[
    "initialising", "initialisationFailedCacheError", "initialisationFailedSiteOffline",
    "initialisationFailedSiteUnreachable", "queued", "expiredInQueue", "executing", "executionFailed",
    "uploading", "uploadFailed", "successful",
]  # fmt: skip
_PROGRESS: Final = ("initialising", "queued", "executing", "uploading", "successful")
#: Number of states of `_PROGRESS` that come before a failure.
_BEFORE: Final = {"expiredInQueue": 2, "executionFailed": 3, "uploadFailed": 4}
RESULT_LIFETIME_SECONDS: Final = 24 * 3600


def states_to(last: str) -> tuple[str, ...]:
    """Return the states that lead to one, ending with it."""
    if last in _PROGRESS:
        return _PROGRESS[: _PROGRESS.index(last) + 1]
    return (*_PROGRESS[: _BEFORE.get(last, 1)], last)


#: The states of an async query by the last one; a query that is forced to `queued` stays there.
PLANS: Final = {status: states_to(status) for status in get_args(Status)}


class SqlCaller(NamedTuple):
    """Site and API of a request, and its `owner`: the key or device that sends it."""

    site: Site
    api: str
    owner: str


@dataclass(slots=True)
class StoredQuery:
    """A query; `owner` is the key or device that may see it, `plan` the states that it will have.

    `command` is None once it was executed: its values may be large.
    """

    id: str
    owner: str
    site: str
    mode: Literal["immediate", "async"]
    created: datetime
    command: dict[str, Any] | None
    command_size: int
    request_size: int
    max_time_in_queue: int
    plan: tuple[str, ...] = PLANS["successful"]
    forced_error: QueryError | None = None
    entered: list[tuple[str, datetime]] = field(default_factory=list)
    error: QueryError | None = None
    result: Result | None = None

    @property
    def status(self) -> str:
        """The state that the query is in."""
        return self.entered[-1][0] if self.entered else "initialising"

    @property
    def updated_at(self) -> datetime:
        """When the query entered its state."""
        return self.entered[-1][1] if self.entered else self.created

    @property
    def is_finished(self) -> bool:
        """Whether the query has entered its last state."""
        return len(self.entered) >= len(self.plan)

    @property
    def held_bytes(self) -> int:
        """Size of what the store keeps of the query."""
        command = self.request_size if self.command is not None else 0
        return command + (self.result.size if self.result else 0)
