"""Registered queries: commands that Halo Link executes again and again (OpenAPI 26.619)."""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sql.commands import Registration
from gateway.emulator.sql.execution import SqlContext, conversion_error, run_command
from gateway.emulator.sql.query_error import QueryError
from gateway.emulator.sql.rendering import format_instant
from gateway.emulator.sql.results import Result, build_result

_DURATION_MILLISECONDS: Final = 15


@dataclass(slots=True)
class RunMetrics:
    """Counts of the runs so far; sizes in bytes."""

    succeeded: int = 0
    failed: int = 0
    result_size_sum: int = 0
    last_succeeded: datetime | None = None
    last_failed: datetime | None = None

    def as_json(self, request_size: int) -> dict[str, Any]:
        """RegisteredQueryMetrics."""
        ran = self.succeeded + self.failed > 0
        instants = {"lastSucceededAt": self.last_succeeded, "lastFailedAt": self.last_failed}
        return {
            "lastExecutionDuration": _DURATION_MILLISECONDS if ran else 0,
            "executionSucceededCount": self.succeeded,
            "executionFailedCount": self.failed,
            "resultSizeSum": self.result_size_sum,
            "requestSize": request_size,
            **{name: format_instant(moment) for name, moment in instants.items() if moment},
        }


@dataclass(slots=True)
class RegisteredQuery:
    """A registered query; `owner` is the key or device that may see it, `next_error` that of its next run."""

    id: str
    owner: str
    site: str
    registration: Registration
    created: datetime
    status: Literal["enabled", "cancelled", "completed"] = "enabled"
    completed: datetime | None = None
    last_hash: str = ""
    last_error: QueryError | None = None
    next_error: QueryError | None = None
    result: Result | None = None
    metrics: RunMetrics = field(default_factory=RunMetrics)

    @property
    def held_bytes(self) -> int:
        """Size of what the store keeps of the query."""
        return self.registration.submission.request_size + (self.result.size if self.result else 0)

    def settle(self, now: datetime) -> None:
        """Complete the query if its duration is over."""
        end = self.created + timedelta(seconds=self.registration.duration)
        if self.status == "enabled" and now >= end:
            self.status, self.completed = "completed", end

    def cancel(self, now: datetime) -> None:
        """End the query before its duration is over."""
        self.status, self.completed = "cancelled", now

    def as_json(self) -> dict[str, Any]:
        """RegisteredQuery."""
        body: dict[str, Any] = {
            "id": self.id,
            "name": self.registration.name,
            "registeredQueryType": "query",
            "status": self.status,
            "frequency": self.registration.frequency,
            "duration": self.registration.duration,
            "createdAt": format_instant(self.created),
            "metrics": self.metrics.as_json(self.registration.submission.request_size),
        }
        if self.last_hash:
            body["lastHash"] = self.last_hash
        if self.last_error:
            body["lastErrorDetails"] = self.last_error._asdict()
        if self.completed:
            body["completedAt"] = format_instant(self.completed)
        return body

    def result_json(self) -> dict[str, Any] | None:
        """RegisteredQueryResult of the last run that succeeded, or None."""
        if self.result is None:
            return None
        data = b64encode(self.result.pages[0].data).decode()
        return {
            "data": data,
            "parameters": self.result.parameters,
            "rows": self.result.rows,
            "size": self.result.size,
        }


def run_registered(query: RegisteredQuery, context: SqlContext, now: datetime) -> bool | None:
    """Execute the query once: whether its result has changed, or None if it failed."""
    outcome, query.next_error = query.next_error or _execute(query, context), None
    metrics = query.metrics
    if isinstance(outcome, QueryError):
        query.last_error, query.last_hash = outcome, ""
        metrics.failed, metrics.last_failed = metrics.failed + 1, now
        return None
    content = outcome.pages[0].data + repr(outcome.parameters).encode()
    fingerprint = b64encode(sha256(content).digest()).decode()
    is_changed = fingerprint != query.last_hash
    query.result, query.last_hash, query.last_error = outcome, fingerprint, None
    metrics.succeeded, metrics.last_succeeded = metrics.succeeded + 1, now
    metrics.result_size_sum += outcome.size
    return is_changed


def _execute(query: RegisteredQuery, context: SqlContext) -> Result | QueryError:
    submission = query.registration.submission
    try:
        if error := conversion_error(context, submission):
            return error
        execution = run_command(context, submission.command)
    except Refusal as refusal:
        return QueryError("haloLink", 2, refusal.text)
    if isinstance(execution, QueryError):
        return execution
    return build_result(execution, submission.command.get("executionMode", "reader"), None)
