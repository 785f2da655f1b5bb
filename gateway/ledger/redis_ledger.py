"""The ledger of all replicas, in Redis: lines go there in batches, and wait in an outbox until they can."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from gateway.ledger import ledger_hashes
from gateway.ledger.cost import Row
from gateway.ledger.counts import Paid
from gateway.ledger.outbox import Batch, Outbox
from gateway.ledger.tally import Counts, merged

_log = structlog.get_logger()

#: The one `maxmemory-policy` under which nothing is dropped before its time.
_SAFE = "noeviction"


class SharedLedger:
    """Raises ConnectionError while Redis is away, slower than `timeout` seconds, or takes no writes.

    Lines wait in the file `path` (without one: in memory) until Redis has them.
    """

    def __init__(
        self, url: str, path: Path | None = None, *, keep_days: int = 800, timeout: float = 0.5
    ) -> None:
        self._seconds = int(timedelta(days=keep_days).total_seconds())
        self._outbox = Outbox(path)
        self._redis = _client(url, timeout)
        self._add = self._redis.register_script(ledger_hashes.ADD)
        self._doubt = ""
        self._reached = False

    def keep(self, counts: Counts) -> None:
        """Let counts wait, all or none. Raises sqlite3.Error."""
        self._outbox.put(counts)

    def deliver(self) -> None:
        """Send all that waits."""
        while batch := self._outbox.batch():
            self._send(batch)
            self._outbox.sent(batch.number)

    def rows(self, site: str = "", since: str = "") -> list[Row]:
        """What all replicas have sent and what waits here, of one site or all, from an ISO day on.

        Nothing while a batch may be in both.
        """
        if self._doubt:
            raise ConnectionError(self._doubt)
        with _telling():
            return merged([*ledger_hashes.rows(self._redis, site, since), *self._outbox.rows(site, since)])

    def paid(self, since: str) -> Paid:
        """What all replicas have sent as paid, and what waits here, by site and day."""
        with _telling():
            return ledger_hashes.paid(self._redis, since, self._outbox.paid(since))

    @property
    def unsafe(self) -> int:
        """How many exchanges wait in memory alone."""
        return self._outbox.unsafe

    def release(self) -> None:
        """Close file and connections, which are opened again when needed; keep what waits in memory."""
        self._outbox.release()
        self._redis.close()

    def close(self) -> None:
        """Close file and connections."""
        self._outbox.close()
        self._redis.close()

    def _send(self, batch: Batch) -> None:
        self._doubt = "a batch is on its way"
        try:
            with _telling():
                self._add(*ledger_hashes.arguments(batch, self._seconds))
                self._look()
        except ConnectionError as problem:
            self._doubt = "" if isinstance(problem.__cause__, ResponseError) else str(problem)
            raise
        self._doubt = ""

    def _look(self) -> None:
        """Say once if Redis may drop lines for want of memory: that is how a mere cache is set up."""
        if self._reached:
            return
        self._reached = True
        with suppress(ResponseError, KeyError):
            memory = self._redis.info("memory")
            if memory["maxmemory"] and memory["maxmemory_policy"] != _SAFE:
                _log.warning("ledger-may-be-evicted", policy=memory["maxmemory_policy"], needed=_SAFE)


def read(url: str, site: str = "", since: str = "", *, timeout: float = 5.0) -> list[Row]:
    """What all replicas have sent. Raises ConnectionError."""
    with _client(url, timeout) as redis, _telling():
        return ledger_hashes.rows(redis, site, since)


def _client(url: str, timeout: float) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


@contextmanager
def _telling() -> Iterator[None]:
    """Names the kind of a problem only: its words may hold names."""
    try:
        yield
    except (RedisError, OSError) as problem:
        raise ConnectionError(type(problem).__name__) from problem
