"""Settings of one of several workers: its share of what the gateway as a whole may do."""

from typing import Final

from gateway.settings import Settings

#: Minimum number of concurrent requests per site, so that one caller, who has half, is never left without.
_MIN_CONCURRENT: Final = 2


def settings_of_worker(settings: Settings, count: int) -> Settings:
    """Return the settings with the worker's share of `bulkhead.max_concurrent`.

    The workers share the permits of a rate, so each keeps all of it.
    """
    bulkhead = settings.bulkhead.model_copy(
        update={"max_concurrent": max(_MIN_CONCURRENT, settings.bulkhead.max_concurrent // count)}
    )
    server = settings.server.model_copy(update={"workers": count})
    return settings.model_copy(update={"server": server, "bulkhead": bulkhead})


def with_own_outbox(settings: Settings, number: int) -> Settings:
    """Return settings whose ledger file is the worker's own, if it is the outbox of a ledger in Redis.

    The batches of an outbox have one sender. A ledger without Redis is one file of all workers.
    """
    ledger = settings.ledger
    if not (ledger.path and settings.cache.redis.url and ledger.store == "redis"):
        return settings
    path = ledger.path.with_name(f"{ledger.path.name}.worker-{number}")
    return settings.model_copy(update={"ledger": ledger.model_copy(update={"path": path})})
