"""Settings of one of several workers: its share of what the gateway as a whole may do."""

from typing import Final

from gateway.settings import Settings
from gateway.settings.upstreams import Upstream

#: Minimum number of concurrent requests per site, so that one caller, who has half, is never left without.
_MIN_CONCURRENT: Final = 2


def settings_of_worker(settings: Settings, count: int) -> Settings:
    """Return the settings with the worker's share of `bulkhead.max_concurrent`, and of request rates.

    With Redis the workers share the permits of one rate, so each keeps all of it.
    """
    bulkhead = settings.bulkhead.model_copy(
        update={"max_concurrent": max(_MIN_CONCURRENT, settings.bulkhead.max_concurrent // count)}
    )
    server = settings.server.model_copy(update={"workers": count})
    changes: dict[str, object] = {"server": server, "bulkhead": bulkhead}
    if settings.cache.redis.url is None:
        changes["upstream"] = _with_rate_share(settings.upstream, count)
    return settings.model_copy(update=changes)


def _with_rate_share(upstream: Upstream, count: int) -> Upstream:
    rate = upstream.requests_per_second
    return upstream.model_copy(update={"requests_per_second": rate / count}) if rate else upstream
