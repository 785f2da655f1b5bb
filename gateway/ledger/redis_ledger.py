"""The ledger of all replicas, in Redis: lines go there in batches, and wait in an outbox until they can."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import chain
from pathlib import Path

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from gateway.ledger import counts
from gateway.ledger.cost import BILLABLE_CLASSES, CostClass, LedgerKey, LedgerRow
from gateway.ledger.counts import BillableUsage, Counts, merge_rows
from gateway.ledger.outbox import Batch, Outbox

_log = structlog.get_logger()

#: The one `maxmemory-policy` under which nothing is dropped before its time.
_REQUIRED_POLICY = "noeviction"


#: The braces keep all of it in one slot of a cluster.
_PREFIX = "halo-gateway/{ledger}/"
_SEPARATOR = "\t"
#: KEYS: sender, the set of hashes, hashes. ARGV: number, seconds to keep, then hash, field and amount, again
#: and again; hashes are counted from 1.
ADD_BATCH_SCRIPT = """
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
"""


class RedisLedger:
    """Raises ConnectionError while Redis is away, slower than `timeout` seconds, or takes no writes.

    Lines wait in the file `path` (without one: in memory) until Redis has them.
    """

    def __init__(
        self, url: str, path: Path | None = None, *, retention_days: int = 800, timeout: float = 0.5
    ) -> None:
        self._retention_seconds = int(timedelta(days=retention_days).total_seconds())
        self._outbox = Outbox(path)
        self._redis = _redis_client(url, timeout)
        self._add_batch = self._redis.register_script(ADD_BATCH_SCRIPT)
        self._unknown_outcome = ""
        self._policy_checked = False

    def add_counts(self, counts: Counts) -> None:
        """Let counts wait, all or none. Raises sqlite3.Error."""
        self._outbox.put(counts)

    def flush(self) -> None:
        """Send all that waits."""
        while batch := self._outbox.next_batch():
            self._send_batch(batch)
            self._outbox.delete_batch(batch.number)

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """What all replicas have sent and what waits here, of one site or all, from an ISO day on.

        Nothing while a batch may be in both.
        """
        if self._unknown_outcome:
            raise ConnectionError(self._unknown_outcome)
        with _raise_connection_errors():
            return merge_rows([*read_stored_rows(self._redis, site, since), *self._outbox.rows(site, since)])

    def billable_usage(self, since: str) -> BillableUsage:
        """What all replicas have sent as paid, and what waits here, by site and day."""
        with _raise_connection_errors():
            return read_billable_usage(self._redis, since, self._outbox.billable_rows(since))

    @property
    def unpersisted_count(self) -> int:
        """How many exchanges wait in memory alone."""
        return self._outbox.unpersisted_count

    def release(self) -> None:
        """Close file and connections, which are opened again when needed; keep what waits in memory."""
        self._outbox.release()
        self._redis.close()

    def close(self) -> None:
        """Close file and connections."""
        self._outbox.close()
        self._redis.close()

    def _send_batch(self, batch: Batch) -> None:
        self._unknown_outcome = "a batch is on its way"
        try:
            with _raise_connection_errors():
                self._add_batch(*script_arguments(batch, self._retention_seconds))
                self._check_eviction_policy()
        except ConnectionError as problem:
            self._unknown_outcome = "" if isinstance(problem.__cause__, ResponseError) else str(problem)
            raise
        self._unknown_outcome = ""

    def _check_eviction_policy(self) -> None:
        """Say once if Redis may drop lines for want of memory: that is how a mere cache is set up."""
        if self._policy_checked:
            return
        self._policy_checked = True
        with suppress(ResponseError, KeyError):
            memory = self._redis.info("memory")
            if memory["maxmemory"] and memory["maxmemory_policy"] != _REQUIRED_POLICY:
                _log.warning(
                    "redis-eviction-policy", policy=memory["maxmemory_policy"], needed=_REQUIRED_POLICY
                )


def read_rows(url: str, site: str = "", since: str = "", *, timeout: float = 5.0) -> list[LedgerRow]:
    """What all replicas have sent. Raises ConnectionError."""
    with _redis_client(url, timeout) as redis, _raise_connection_errors():
        return read_stored_rows(redis, site, since)


def _redis_client(url: str, timeout: float) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


@contextmanager
def _raise_connection_errors() -> Iterator[None]:
    """Names the kind of a problem only: its words may hold names."""
    try:
        yield
    except (RedisError, OSError) as problem:
        raise ConnectionError(type(problem).__name__) from problem


_LINES_PREFIX, _PAID_PREFIX, _HASHES_KEY = _PREFIX + "lines/", _PREFIX + "paid/", _PREFIX + "hashes"


_QUERIES_FIELD, _BYTES_FIELD = "queries", "bytes"


def script_arguments(batch: Batch, retention_seconds: int) -> tuple[list[str], list[str | int]]:
    """The keys and values that the script ADD takes to add up a batch and keep it for so many seconds."""
    sums = _hash_increments(batch.rows)
    hashes = list(dict.fromkeys(key for key, _ in sums))
    places = {key: place for place, key in enumerate(hashes, 1)}
    keys = [f"{_PREFIX}sender/{batch.sender}", _HASHES_KEY, *hashes]
    triples: Iterable[tuple[str | int, ...]] = (
        (places[key], field, amount) for (key, field), amount in sums.items()
    )
    return keys, [batch.number, retention_seconds, *chain.from_iterable(triples)]


def read_billable_usage(redis: Redis, since: str, pending_rows: Iterable[LedgerRow]) -> BillableUsage:
    """What was paid from an ISO day on, by site and day, together with rows that are still on their way."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for line, queries, octets in pending_rows:
        sums.update(
            {(line.site, line.day, _QUERIES_FIELD): queries, (line.site, line.day, _BYTES_FIELD): octets}
        )
    for day, field, amount in _read_hash_fields(redis, _PAID_PREFIX, since):
        site, what = field.split(_SEPARATOR)
        sums[site, day, what] += amount
    return {
        (site, day): (sums[site, day, _QUERIES_FIELD], sums[site, day, _BYTES_FIELD]) for site, day, _ in sums
    }


def _hash_increments(rows: Iterable[LedgerRow]) -> Counter[tuple[str, str]]:
    """Hash and field -> amount."""
    sums: Counter[tuple[str, str]] = Counter()
    for line, queries, octets in rows:
        names = {_LINES_PREFIX + line.day: _SEPARATOR.join(line[1:])}
        if line.cost in BILLABLE_CLASSES:
            names[_PAID_PREFIX + line.day] = line.site
        for key, name in names.items():
            sums[key, name + _SEPARATOR + _QUERIES_FIELD] += queries
            sums[key, name + _SEPARATOR + _BYTES_FIELD] += octets
    return sums


def read_stored_rows(redis: Redis, site: str, since: str) -> list[LedgerRow]:
    """The lines of one site or all, from an ISO day on, in the ledger's order."""
    found = counts.PendingCounts()
    for day, field, amount in _read_hash_fields(redis, _LINES_PREFIX, since):
        guid, caller, kind, interaction, cost, what = field.split(_SEPARATOR)
        line = LedgerKey(day, guid, caller, kind, interaction, CostClass(cost))
        if site in {"", guid}:
            found.add(line, *((0, amount) if what == _QUERIES_FIELD else (amount, 0)))
    return counts.sorted_rows(found.drain())


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
