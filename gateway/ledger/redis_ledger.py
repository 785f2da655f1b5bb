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
from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow, counts_against_cap
from gateway.ledger.counts import AppUsageByDay, BillableUsage, Counts, merge_rows
from gateway.ledger.day_sums import DaySums, day_sums
from gateway.ledger.outbox import Batch, Outbox
from gateway.stores.redis_client import FAILURES, Script
from gateway.stores.redis_sync_client import open_sync_client, read_memory_figures, run_script

_log = structlog.get_logger()

#: The only `maxmemory-policy` under which Redis deletes no row before it expires.
_REQUIRED_POLICY = "noeviction"
#: The braces place all keys in one slot of a Redis Cluster.
_PREFIX = "halo-gateway/{ledger}/"
_LINES_PREFIX, _PAID_PREFIX, _HASHES_KEY = _PREFIX + "lines/", _PREFIX + "paid/", _PREFIX + "hashes"
#: Parts of apps, beside the totals above, which versions without apps go on reading and writing.
_APP_LINES_PREFIX, _APP_PAID_PREFIX = _PREFIX + "lines-by-app/", _PREFIX + "paid-by-app/"
_NOTICE_PREFIX = _PREFIX + "notice/"
_QUERIES_FIELD, _BYTES_FIELD = "queries", "bytes"
_SEPARATOR = "\t"
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
        self._policy_checked = False

    def add_counts(self, counts: Counts) -> None:
        """Add counts to the outbox, all or none. Raises sqlite3.Error."""
        self._outbox.put(counts)

    def flush(self) -> None:
        """Send all waiting batches."""
        while batch := self._outbox.next_batch():
            self._send_batch(batch)
            self._outbox.delete_batch(batch.number)

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Rows of all replicas in Redis plus the waiting rows of this one, from an ISO day on.

        Raises ConnectionError while a batch may be in both.
        """
        if self._unknown_outcome:
            raise ConnectionError(self._unknown_outcome)
        with _raise_connection_errors():
            return merge_rows([*read_stored_rows(self._redis, site, since), *self._outbox.rows(site, since)])

    def rows_by_app(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the same rows split by app. Raises ConnectionError."""
        with _raise_connection_errors():
            stored_parts = read_stored_rows(self._redis, site, since, _APP_LINES_PREFIX)
        parts = merge_rows([*stored_parts, *self._outbox.app_rows(site, since)])
        return counts.split_by_app(self.rows(site, since), parts)

    def day_sums(self, day: str) -> DaySums:
        """Add up an ISO day by caller and by app. Raises ConnectionError."""
        with _raise_connection_errors():
            stored_parts = read_stored_rows(self._redis, "", day, _APP_LINES_PREFIX)
        return day_sums(day, self.rows("", day), [*stored_parts, *self._outbox.app_rows("", day)])

    def app_usage(self, since: str) -> AppUsageByDay:
        """Billable usage by app and day of all replicas in Redis plus the waiting usage of this one."""
        sums = Counter[tuple[str, str, str]]()
        for (app, day), (queries, octets) in counts.sum_app_usage(self._outbox.app_rows("", since)).items():
            sums[app, day, _QUERIES_FIELD], sums[app, day, _BYTES_FIELD] = queries, octets
        with _raise_connection_errors():
            for day, field, amount in _read_hash_fields(self._redis, _APP_PAID_PREFIX, since):
                app, quantity = field.split(_SEPARATOR)
                sums[app, day, quantity] += amount
        return {
            (app, day): (sums[app, day, _QUERIES_FIELD], sums[app, day, _BYTES_FIELD]) for app, day, _ in sums
        }

    def claim(self, notice: str) -> bool:
        """Whether no replica has claimed the notice before."""
        with _raise_connection_errors():
            return bool(self._redis.set(_NOTICE_PREFIX + notice, "1", nx=True, ex=self._retention_seconds))

    def billable_usage(self, since: str) -> BillableUsage:
        """Billable usage of all replicas in Redis plus the waiting usage of this one, by site and day."""
        with _raise_connection_errors():
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
            with _raise_connection_errors():
                run_script(self._redis, ADD_BATCH_SCRIPT, *script_arguments(batch, self._retention_seconds))
                self._check_eviction_policy()
        except ConnectionError as error:
            self._unknown_outcome = "" if isinstance(error.__cause__, ResponseError) else str(error)
            raise
        self._unknown_outcome = ""

    def _check_eviction_policy(self) -> None:
        """Log once if Redis may delete rows when its memory is full, as a Redis set up as a cache does."""
        if self._policy_checked:
            return
        self._policy_checked = True
        with suppress(ResponseError, KeyError):
            memory = read_memory_figures(self._redis, _HASHES_KEY)
            if memory["maxmemory"] and memory["maxmemory_policy"] != _REQUIRED_POLICY:
                _log.warning(
                    "redis-eviction-policy", policy=memory["maxmemory_policy"], needed=_REQUIRED_POLICY
                )


def read_rows(url: str, site: str = "", since: str = "", *, timeout: float = 5.0) -> list[LedgerRow]:
    """Rows of all replicas in Redis. Raises ConnectionError."""
    with _raise_connection_errors(), closing(open_sync_client(url, timeout)) as redis:
        return read_stored_rows(redis, site, since)


def read_rows_by_app(url: str, site: str = "", since: str = "", *, timeout: float = 5.0) -> list[LedgerRow]:
    """Return the same rows, split by app; parts are read first, as they only grow. Raises ConnectionError."""
    with _raise_connection_errors(), closing(open_sync_client(url, timeout)) as redis:
        parts = read_stored_rows(redis, site, since, _APP_LINES_PREFIX)
        return counts.split_by_app(read_stored_rows(redis, site, since), parts)


@contextmanager
def _raise_connection_errors() -> Iterator[None]:
    """Raise ConnectionError with the type of the error only: its message may contain host names."""
    try:
        yield
    except FAILURES as error:
        raise ConnectionError(type(error).__name__) from error


def script_arguments(batch: Batch, retention_seconds: int) -> tuple[list[str], list[str | int]]:
    """KEYS and ARGV of `ADD_BATCH_SCRIPT` for a batch."""
    sums = _hash_increments([*batch.rows, *batch.parts])
    hashes = list(dict.fromkeys(key for key, _ in sums))
    numbers = {key: number for number, key in enumerate(hashes, 1)}
    keys = [f"{_PREFIX}sender/{batch.sender}", _HASHES_KEY, *hashes]
    triples: Iterable[tuple[str | int, ...]] = (
        (numbers[key], field, amount) for (key, field), amount in sums.items()
    )
    return keys, [batch.number, retention_seconds, *chain.from_iterable(triples)]


def read_billable_usage(redis: Redis, since: str, pending_rows: Iterable[LedgerRow]) -> BillableUsage:
    """Billable usage from an ISO day on, by site and day, including rows that are not in Redis yet."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for key, queries, octets in pending_rows:
        sums[key.site, key.day, _QUERIES_FIELD] += queries
        sums[key.site, key.day, _BYTES_FIELD] += octets
    for day, field, amount in _read_hash_fields(redis, _PAID_PREFIX, since):
        site, quantity = field.split(_SEPARATOR)
        sums[site, day, quantity] += amount
    return {
        (site, day): (sums[site, day, _QUERIES_FIELD], sums[site, day, _BYTES_FIELD]) for site, day, _ in sums
    }


def _hash_increments(rows: Iterable[LedgerRow]) -> Counter[tuple[str, str]]:
    """Hash and field -> amount."""
    sums: Counter[tuple[str, str]] = Counter()
    for key, queries, octets in rows:
        lines, paid, owner = (
            (_APP_LINES_PREFIX, _APP_PAID_PREFIX, key.app)
            if key.app
            else (_LINES_PREFIX, _PAID_PREFIX, key.site)
        )
        names = {lines + key.day: _SEPARATOR.join(key[1:] if key.app else key[1:6])}
        if counts_against_cap(key.caller, key.cost):
            names[paid + key.day] = owner
        for hash_key, name in names.items():
            sums[hash_key, name + _SEPARATOR + _QUERIES_FIELD] += queries
            sums[hash_key, name + _SEPARATOR + _BYTES_FIELD] += octets
    return sums


def read_stored_rows(redis: Redis, site: str, since: str, prefix: str = _LINES_PREFIX) -> list[LedgerRow]:
    """Rows of one site or all, from an ISO day on, in the ledger's order."""
    sums = counts.PendingCounts()
    for day, field, amount in _read_hash_fields(redis, prefix, since):
        guid, caller, resource_type, interaction, cost, *app, quantity = field.split(_SEPARATOR)
        key = LedgerKey(day, guid, caller, resource_type, interaction, CostClass(cost), *app)
        if site in {"", guid}:
            sums.add(key, *((0, amount) if quantity == _QUERIES_FIELD else (amount, 0)))
    return counts.sorted_rows(sums.drain())


def _read_hash_fields(redis: Redis, prefix: str, since: str) -> Iterator[tuple[str, str, int]]:
    """Day, field and amount of all hashes under a prefix from an ISO day on."""
    keys = sorted(
        key
        for key in map(str, redis.smembers(_HASHES_KEY))
        if key.startswith(prefix) and key >= prefix + since
    )
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.hgetall(key)
    for key, fields in zip(keys, pipeline.execute(), strict=True):
        for field, amount in fields.items():
            yield key.removeprefix(prefix), field, int(amount)
