"""Cautions: settings with which the gateway serves, and of which its operator should know."""

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.settings import Settings
from gateway.settings.resolve import DEFAULT_SITE


class Caution(NamedTuple):
    """What may happen because of a setting, and what to do; `component` is its name in /readyz, if any."""

    setting: str
    text: str
    component: str = ""


def _has_default_time_zone(settings: Settings) -> bool:
    default = settings.sites.get(DEFAULT_SITE)
    return default is not None and default.time_zone is not None


def _has_no_page_keys(settings: Settings) -> bool:
    return not settings.pages.keys


def _has_replica_local_ledger(settings: Settings) -> bool:
    ledger = settings.ledger
    return settings.cache.redis.url is not None and ledger.store is None and ledger.path is not None


_CAUTIONS: Final[tuple[tuple[Callable[[Settings], bool], Caution], ...]] = (
    (
        _has_default_time_zone,
        Caution(
            "sites.default.time_zone",
            "it decides for every practice that no setting names: where such a practice is in another time"
            " zone, its dates are shifted and date searches match the wrong records. Set"
            " sites.<guid>.time_zone for each practice, and remove the default.",
            "sites",
        ),
    ),
    (
        _has_no_page_keys,
        Caution(
            "pages.keys",
            "it is not set: page links end with this process and fail on other replicas. Set one secret, the"
            " same for all replicas.",
        ),
    ),
    (
        _has_replica_local_ledger,
        Caution(
            "ledger.store",
            "it is not set, but ledger.path is: caps and ledger are those of this replica alone, in its file."
            " Set `redis` for one ledger of all replicas, or `file`.",
        ),
    ),
)


def find_cautions(settings: Settings) -> list[Caution]:
    """Every caution that these settings give cause for."""
    return [caution for applies, caution in _CAUTIONS if applies(settings)]
