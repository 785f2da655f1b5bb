"""Reads of the ledger of all replicas in Redis, through clients of their own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from redis import Redis

from gateway.ledger import counts
from gateway.ledger.cost import CostClass, LedgerKey, LedgerRow
from gateway.ledger.day_sums import DaySums, day_sums
from gateway.ledger.reader import NO_LIMITS, ReadLimits, TooManyRowsError
from gateway.stores.redis_client import FAILURES
from gateway.stores.redis_sync_client import open_sync_client

#: The braces place all keys in one slot of a Redis Cluster.
PREFIX: Final = "halo-gateway/{ledger}/"
LINES_PREFIX, HASHES_KEY = PREFIX + "lines/", PREFIX + "hashes"
#: Parts of apps, beside the totals above, which versions without apps go on reading and writing.
APP_LINES_PREFIX: Final = PREFIX + "lines-by-app/"
QUERIES_FIELD, BYTES_FIELD = "queries", "bytes"
SEPARATOR: Final = "\t"


class RedisReader:
    """Reads of rows in Redis, and of those that waited in a replica when it was opened.

    `require_unsent` raises ConnectionError if waiting rows may be in Redis by now. Raises ConnectionError and
    TooManyRowsError.
    """

    def __init__(
        self,
        redis: Redis,
        limits: ReadLimits = NO_LIMITS,
        waiting: Sequence[LedgerRow] = (),
        waiting_parts: Sequence[LedgerRow] = (),
        require_unsent: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis, self._limits = redis, limits
        self._waiting, self._waiting_parts = waiting, waiting_parts
        self._require_unsent = require_unsent

    def rows(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Rows of one site or all, from an ISO day on."""
        return self._merged_rows(LINES_PREFIX, self._waiting, site, since, self._limits)

    def rows_by_app(self, site: str = "", since: str = "") -> list[LedgerRow]:
        """Return the same rows, split by app; parts are read first, as they only grow."""
        parts = self._merged_rows(APP_LINES_PREFIX, self._waiting_parts, site, since, self._limits)
        return counts.split_by_app(self.rows(site, since), parts)

    def day_sums(self, day: str) -> DaySums:
        """Add up an ISO day by caller and by app, however many rows it has: its sums are few."""
        limits = self._limits._replace(max_rows=-1)
        parts = self._merged_rows(APP_LINES_PREFIX, self._waiting_parts, "", day, limits)
        return day_sums(day, self._merged_rows(LINES_PREFIX, self._waiting, "", day, limits), parts)

    def _merged_rows(
        self, prefix: str, waiting: Sequence[LedgerRow], site: str, since: str, limits: ReadLimits
    ) -> list[LedgerRow]:
        with raise_connection_errors():
            stored = _stored_rows(self._redis, prefix, site, since, limits)
        self._require_unsent()
        own = [row for row in waiting if row.key.day >= since and site in {"", row.key.site}]
        return counts.merge_rows([*stored, *own])


def _stored_rows(redis: Redis, prefix: str, site: str, since: str, limits: ReadLimits) -> list[LedgerRow]:
    sums, fields = counts.PendingCounts(), 0
    for day, field, amount in read_hash_fields(redis, prefix, since, limits):
        guid, caller, resource_type, interaction, cost, *app, quantity = field.split(SEPARATOR)
        if site in {"", guid}:
            key = LedgerKey(day, guid, caller, resource_type, interaction, CostClass(cost), *app)
            sums.add(key, *((0, amount) if quantity == QUERIES_FIELD else (amount, 0)))
            fields += quantity == QUERIES_FIELD
            if 0 <= limits.max_rows < fields:
                raise TooManyRowsError
    return counts.sorted_rows(sums.drain())


def read_rows(url: str, site: str = "", since: str = "", *, timeout: float = 5.0) -> list[LedgerRow]:
    """Rows of all replicas in Redis. Raises ConnectionError."""
    with raise_connection_errors(), closing(open_sync_client(url, timeout)) as redis:
        return RedisReader(redis).rows(site, since)


def read_rows_by_app(url: str, site: str = "", since: str = "", *, timeout: float = 5.0) -> list[LedgerRow]:
    """Return the same rows, split by app. Raises ConnectionError."""
    with raise_connection_errors(), closing(open_sync_client(url, timeout)) as redis:
        return RedisReader(redis).rows_by_app(site, since)


def read_hash_fields(
    redis: Redis, prefix: str, since: str, limits: ReadLimits = NO_LIMITS
) -> Iterator[tuple[str, str, int]]:
    """Day, field and amount of all hashes under a prefix from an ISO day on.

    Days are read one by one: a read may end between two, and has one in memory.
    """
    keys = sorted(
        key
        for key in map(str, redis.smembers(HASHES_KEY))
        if key.startswith(prefix) and key >= prefix + since
    )
    for key in keys:
        limits.require_open()
        for field, amount in redis.hgetall(key).items():
            yield key.removeprefix(prefix), str(field), int(amount)


@contextmanager
def raise_connection_errors() -> Iterator[None]:
    """Raise ConnectionError with the type of the error only: its message may contain host names."""
    try:
        yield
    except FAILURES as error:
        raise ConnectionError(type(error).__name__) from error
