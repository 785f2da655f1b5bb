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
from gateway.ledger.cost import PAID, Cost, Line, Row
from gateway.ledger.counts import Counts, Paid, merged
from gateway.ledger.outbox import Batch, Outbox

_log = structlog.get_logger()

#: The one `maxmemory-policy` under which nothing is dropped before its time.
_SAFE = "noeviction"


#: The braces keep all of it in one slot of a cluster.
_PREFIX = "halo-gateway/{ledger}/"
_SEPARATOR = "\t"
#: KEYS: sender, the set of hashes, hashes. ARGV: number, seconds to keep, then hash, field and amount, again
#: and again; hashes are counted from 1.
ADD = """
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
        self._add = self._redis.register_script(ADD)
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
            return merged([*rows(self._redis, site, since), *self._outbox.rows(site, since)])

    def paid(self, since: str) -> Paid:
        """What all replicas have sent as paid, and what waits here, by site and day."""
        with _telling():
            return paid(self._redis, since, self._outbox.paid(since))

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
                self._add(*arguments(batch, self._seconds))
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
        return rows(redis, site, since)


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


_LINES, _PAID, _HASHES = _PREFIX + "lines/", _PREFIX + "paid/", _PREFIX + "hashes"


_QUERIES, _BYTES = "queries", "bytes"


def arguments(batch: Batch, seconds: int) -> tuple[list[str], list[str | int]]:
    """The keys and values that the script ADD takes to add up a batch and keep it for so many seconds."""
    sums = _sums(batch.rows)
    hashes = list(dict.fromkeys(key for key, _ in sums))
    places = {key: place for place, key in enumerate(hashes, 1)}
    keys = [f"{_PREFIX}sender/{batch.sender}", _HASHES, *hashes]
    triples: Iterable[tuple[str | int, ...]] = (
        (places[key], field, amount) for (key, field), amount in sums.items()
    )
    return keys, [batch.number, seconds, *chain.from_iterable(triples)]


def paid(redis: Redis, since: str, waiting: Iterable[Row]) -> Paid:
    """What was paid from an ISO day on, by site and day, together with rows that are still on their way."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for line, queries, octets in waiting:
        sums.update({(line.site, line.day, _QUERIES): queries, (line.site, line.day, _BYTES): octets})
    for day, field, amount in _held(redis, _PAID, since):
        site, what = field.split(_SEPARATOR)
        sums[site, day, what] += amount
    return {(site, day): (sums[site, day, _QUERIES], sums[site, day, _BYTES]) for site, day, _ in sums}


def _sums(rows: Iterable[Row]) -> Counter[tuple[str, str]]:
    """Hash and field -> amount."""
    sums: Counter[tuple[str, str]] = Counter()
    for line, queries, octets in rows:
        names = {_LINES + line.day: _SEPARATOR.join(line[1:])}
        if line.cost in PAID:
            names[_PAID + line.day] = line.site
        for key, name in names.items():
            sums[key, name + _SEPARATOR + _QUERIES] += queries
            sums[key, name + _SEPARATOR + _BYTES] += octets
    return sums


def rows(redis: Redis, site: str, since: str) -> list[Row]:
    """The lines of one site or all, from an ISO day on, in the ledger's order."""
    found = counts.Tally()
    for day, field, amount in _held(redis, _LINES, since):
        guid, caller, kind, interaction, cost, what = field.split(_SEPARATOR)
        line = Line(day, guid, caller, kind, interaction, Cost(cost))
        if site in {"", guid}:
            found.add(line, *((0, amount) if what == _QUERIES else (amount, 0)))
    return counts.rows(found.taken())


def _held(redis: Redis, prefix: str, since: str) -> Iterator[tuple[str, str, int]]:
    """Day, field and amount of all hashes under a prefix from an ISO day on."""
    keys = sorted(
        key for key in map(str, redis.smembers(_HASHES)) if key.startswith(prefix) and key >= prefix + since
    )
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.hgetall(key)
    for key, fields in zip(keys, pipeline.execute(), strict=True):
        for field, amount in fields.items():
            yield key.removeprefix(prefix), field, int(amount)
