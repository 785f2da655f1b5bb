"""How the ledger of all replicas stands in Redis: hashes by day, for lines and for what each site paid.

A batch is added up by one script, at once or not at all, and at most once: the script remembers the last
number of each sender. Redis holds what the ledger's file would: no patient, no URL, no key.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from redis import Redis

from gateway.ledger import tally
from gateway.ledger.cost import PAID, Cost, Line, Row
from gateway.ledger.counts import Paid
from gateway.ledger.outbox import Batch

#: The braces keep all of it in one slot of a cluster.
_PREFIX = "halo-gateway/{ledger}/"
_LINES, _PAID, _HASHES = _PREFIX + "lines/", _PREFIX + "paid/", _PREFIX + "hashes"
_SEPARATOR = "\t"
_QUERIES, _BYTES = "queries", "bytes"

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
    found = tally.Tally()
    for day, field, amount in _held(redis, _LINES, since):
        guid, caller, kind, interaction, cost, what = field.split(_SEPARATOR)
        line = Line(day, guid, caller, kind, interaction, Cost(cost))
        if site in {"", guid}:
            found.add(line, *((0, amount) if what == _QUERIES else (amount, 0)))
    return tally.rows(found.taken())


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
