"""Log of connection errors: each code, reason and host at most once a minute."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import structlog
from cachetools import LRUCache

from gateway.errors.failure import Failure, RetryAdvice
from gateway.exchange import FhirRequest

_log = structlog.get_logger()
#: Seconds between two lines on the same problem.
_LOG_INTERVAL: Final = 60.0
#: Problems that are remembered: codes and reasons are from closed lists, hosts from the settings.
_MAX_PROBLEMS: Final = 100


class ConnectionLog:
    """Logs connection errors of one upstream, with the number of each since its last line."""

    def __init__(self, upstream: str, clock: Callable[[], float] = monotonic) -> None:
        self._upstream = upstream
        self._clock = clock
        #: Problem -> errors since its last line, and time of its next line.
        self._counts: LRUCache[tuple[str, ...], tuple[int, float]] = LRUCache(_MAX_PROBLEMS)

    def add(self, failure: Failure, request: FhirRequest, reason: str) -> None:
        """Count one error; log it if its problem has had no line for a minute."""
        problem, now = (failure.kind.code, reason, host_of(request)), self._clock()
        count, next_line_at = self._counts.get(problem, (0, now))
        self._counts[problem] = (count + 1, next_line_at)
        if now >= next_line_at:
            self._write_line(failure, problem, count + 1, request.request_id)
            self._counts[problem] = (0, now + _LOG_INTERVAL)

    def _write_line(
        self, failure: Failure, problem: tuple[str, str, str], count: int, request_id: str
    ) -> None:
        """Write an error if only an operator can end it, else a warning."""
        code, reason, host = problem
        needs_operator = failure.kind.retry_advice is RetryAdvice.AFTER_FIX
        _log.log(
            logging.ERROR if needs_operator else logging.WARNING,
            "upstream-connection-failed",
            upstream=self._upstream,
            host=host,
            code=code,
            reason=reason,
            count=count,
            request_id=request_id,
        )


def host_of(request: FhirRequest) -> str:
    """Host and port that the settings give for the upstream, without a user."""
    return urlsplit(request.upstream_base).netloc.rpartition("@")[2]
