"""Ledger of all replicas in Redis: rows are sent in batches and wait in an outbox until then."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from itertools import chain
from pathlib import Path

import structlog
from redis import Redis
from redis.exceptions import ResponseError

from gateway.ledger import counts
from gateway.ledger.cost import LedgerRow, counts_against_cap
from gateway.ledger.counts import AppUsageByDay, BillableUsage, Counts
from gateway.ledger.outbox import Batch, Outbox
from gateway.ledger.reader import NO_LIMITS, ReadLimits
from gateway.ledger.redis_reader import (
    APP_LINES_PREFIX,
    BYTES_FIELD,
    HASHES_KEY,
    LINES_PREFIX,
    PREFIX,
    QUERIES_FIELD,
    SEPARATOR,
    RedisReader,
    raise_connection_errors,
    read_hash_fields,
)
from gateway.stores.redis_client import Script
from gateway.stores.redis_sync_client import open_sync_client, read_memory_figures, run_script

_log = structlog.get_logger()

#: The only `maxmemory-policy` under which Redis deletes no row before it expires.
_REQUIRED_POLICY = "noeviction"
_PAID_PREFIX, _APP_PAID_PREFIX = PREFIX + "paid/", PREFIX + "paid-by-app/"
_NOTICE_PREFIX = PREFIX + "notice/"
#: KEYS: sender, the set of hashes, hashes. ARGV: batch number, retention in seconds, then for each increment
#: the number of its hash (from 1), field and amount.
ADD_BATCH_SCRIPT = Script("""
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
for at = 3, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[2 + tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2])
end
for at = 3, #KEYS do
  redis.call('SADD', KEYS[2], KEYS[at])
  redis.call('EXPIRE', KEYS[at], ARGV[2])
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
""")


class RedisLedger:
    """Ledger backend in Redis.

    Raises ConnectionError if Redis is down, slower than `timeout` seconds, or rejects writes. Until Redis has
    the rows, they wait in the file `path`, or in memory without one.
    """

    def __init__(
        self, url: str, path: Path | None = None, *, retention_days: int = 800, timeout: float = 0.5
    ) -> None:
        self._retention_seconds = int(timedelta(days=retention_days).total_seconds())
        self._outbox = Outbox(path)
        self._url, self._timeout = url, timeout
        self._client: Redis | None = None
        self._unknown_outcome = ""
        self._sent_batches = 0
        self._policy_checked = False

    def add_counts(self, counts: Counts) -> None:
        """Add counts to the outbox, all or none. Raises sqlite3.Error."""
        self._outbox.put(counts)

    def flush(self) -> None:
        """Send all waiting batches."""
        while batch := self._outbox.next_batch():
            self._send_batch(batch)
            self._outbox.delete_batch(batch.number)

    @contextmanager
    def open_reader(self, limits: ReadLimits = NO_LIMITS) -> Iterator[RedisReader]:
        """Open a reader with a client of its own, and what waits now.

        Raises ConnectionError while a batch may be both in Redis and here.
        """
        if self._unknown_outcome:
            raise ConnectionError(self._unknown_outcome)
        waiting, sent_batches = self._outbox.rows(), self._sent_batches
        parts = self._outbox.app_rows()

        def require_unsent() -> None:
            if (waiting or parts) and (self._unknown_outcome or self._sent_batches != sent_batches):
                raise ConnectionError("a batch was sent meanwhile")

        with raise_connection_errors(), closing(open_sync_client(self._url, self._timeout)) as redis:
            yield RedisReader(redis, limits, waiting, parts, require_unsent)

    def app_usage(self, since: str) -> AppUsageByDay:
        """Billable usage by app and day of all replicas in Redis plus the waiting usage of this one."""
        sums = Counter[tuple[str, str, str]]()
        for (app, day), (queries, octets) in counts.sum_app_usage(self._outbox.app_rows("", since)).items():
            sums[app, day, QUERIES_FIELD], sums[app, day, BYTES_FIELD] = queries, octets
        with raise_connection_errors():
            for day, field, amount in read_hash_fields(self._redis, _APP_PAID_PREFIX, since):
                app, quantity = field.split(SEPARATOR)
                sums[app, day, quantity] += amount
        return {
            (app, day): (sums[app, day, QUERIES_FIELD], sums[app, day, BYTES_FIELD]) for app, day, _ in sums
        }

    def claim(self, notice: str) -> bool:
        """Whether no replica has claimed the notice before."""
        with raise_connection_errors():
            return bool(self._redis.set(_NOTICE_PREFIX + notice, "1", nx=True, ex=self._retention_seconds))

    def billable_usage(self, since: str) -> BillableUsage:
        """Billable usage of all replicas in Redis plus the waiting usage of this one, by site and day."""
        with raise_connection_errors():
            return read_billable_usage(self._redis, since, self._outbox.billable_rows(since))

    @property
    def unpersisted_count(self) -> int:
        """Number of queries that wait in memory only."""
        return self._outbox.unpersisted_count

    def release(self) -> None:
        """Close file and connections, which are opened again when needed; keep the rows in memory."""
        self._outbox.release()
        self._close_client()

    def close(self) -> None:
        """Close file and connections."""
        self._outbox.close()
        self._close_client()

    @property
    def _redis(self) -> Redis:
        """The client. Raises what redis-py raises if no node of a Cluster answers."""
        if self._client is None:
            self._client = open_sync_client(self._url, self._timeout)
        return self._client

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _send_batch(self, batch: Batch) -> None:
        self._unknown_outcome = "a batch is being sent"
        try:
            with raise_connection_errors():
                run_script(self._redis, ADD_BATCH_SCRIPT, *script_arguments(batch, self._retention_seconds))
                self._check_eviction_policy()
        except ConnectionError as error:
            self._unknown_outcome = "" if isinstance(error.__cause__, ResponseError) else str(error)
            raise
        self._sent_batches += 1
        self._unknown_outcome = ""

    def _check_eviction_policy(self) -> None:
        """Log once if Redis may delete rows when its memory is full, as a Redis set up as a cache does."""
        if self._policy_checked:
            return
        self._policy_checked = True
        with suppress(ResponseError, KeyError):
            memory = read_memory_figures(self._redis, HASHES_KEY)
            if memory["maxmemory"] and memory["maxmemory_policy"] != _REQUIRED_POLICY:
                _log.warning(
                    "redis-eviction-policy", policy=memory["maxmemory_policy"], needed=_REQUIRED_POLICY
                )


def script_arguments(batch: Batch, retention_seconds: int) -> tuple[list[str], list[str | int]]:
    """KEYS and ARGV of `ADD_BATCH_SCRIPT` for a batch."""
    sums = _hash_increments([*batch.rows, *batch.parts])
    hashes = list(dict.fromkeys(key for key, _ in sums))
    numbers = {key: number for number, key in enumerate(hashes, 1)}
    keys = [f"{PREFIX}sender/{batch.sender}", HASHES_KEY, *hashes]
    triples: Iterable[tuple[str | int, ...]] = (
        (numbers[key], field, amount) for (key, field), amount in sums.items()
    )
    return keys, [batch.number, retention_seconds, *chain.from_iterable(triples)]


def read_billable_usage(redis: Redis, since: str, pending_rows: Iterable[LedgerRow]) -> BillableUsage:
    """Billable usage from an ISO day on, by site and day, including rows that are not in Redis yet."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for key, queries, octets in pending_rows:
        sums[key.site, key.day, QUERIES_FIELD] += queries
        sums[key.site, key.day, BYTES_FIELD] += octets
    for day, field, amount in read_hash_fields(redis, _PAID_PREFIX, since):
        site, quantity = field.split(SEPARATOR)
        sums[site, day, quantity] += amount
    return {
        (site, day): (sums[site, day, QUERIES_FIELD], sums[site, day, BYTES_FIELD]) for site, day, _ in sums
    }


def _hash_increments(rows: Iterable[LedgerRow]) -> Counter[tuple[str, str]]:
    """Hash and field -> amount."""
    sums: Counter[tuple[str, str]] = Counter()
    for key, queries, octets in rows:
        lines, paid, owner = (
            (APP_LINES_PREFIX, _APP_PAID_PREFIX, key.app)
            if key.app
            else (LINES_PREFIX, _PAID_PREFIX, key.site)
        )
        names = {lines + key.day: SEPARATOR.join(key[1:] if key.app else key[1:6])}
        if counts_against_cap(key.caller, key.cost):
            names[paid + key.day] = owner
        for hash_key, name in names.items():
            sums[hash_key, name + SEPARATOR + QUERIES_FIELD] += queries
            sums[hash_key, name + SEPARATOR + BYTES_FIELD] += octets
    return sums
