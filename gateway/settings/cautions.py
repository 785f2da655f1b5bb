"""Cautions: warnings to the operator about settings that are valid but risky."""

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.settings import Settings
from gateway.settings.resolve import DEFAULT_SITE, merged_site_settings


class Caution(NamedTuple):
    """Risk of a setting, and what to do. `component` is its name in /readyz, if any."""

    setting: str
    text: str
    component: str = ""


def _has_default_time_zone(settings: Settings) -> bool:
    default = settings.sites.get(DEFAULT_SITE)
    return default is not None and default.time_zone is not None


def _has_unprobed_site(settings: Settings) -> bool:
    sites = (merged_site_settings(settings, guid) for guid in settings.sites)
    return any(site.time_zone is not None and not site.search.verified_by for site in sites)


def _has_no_page_keys(settings: Settings) -> bool:
    return not settings.paging.keys


def _has_replica_local_ledger(settings: Settings) -> bool:
    ledger = settings.ledger
    return settings.cache.redis.url is not None and ledger.store is None and ledger.path is not None


def _has_separate_workers(settings: Settings) -> bool:
    return settings.server.workers > 1 and settings.cache.redis.url is None


def _has_separate_ledgers(settings: Settings) -> bool:
    return _has_separate_workers(settings) and settings.ledger.path is None


def _has_webhooks_without_secret(settings: Settings) -> bool:
    return not settings.webhooks.secrets and any(
        site.webhooks.invalidates for site in settings.sites.values()
    )


def _has_nothing_to_serve(settings: Settings) -> bool:
    has_zone = any(site.time_zone is not None for site in settings.sites.values())
    return not has_zone and all(mount.resolved_dialect.apis for mount in settings.upstreams.values())


_CAUTIONS: Final[tuple[tuple[Callable[[Settings], bool], Caution], ...]] = (
    (
        _has_default_time_zone,
        Caution(
            "sites.default.time_zone",
            "This default applies to every practice without its own setting. If such a practice is in another"
            " time zone, its dates are shifted and date searches match the wrong records. Set"
            " sites.<guid>.time_zone for each practice, and remove the default.",
            "sites",
        ),
    ),
    (
        _has_unprobed_site,
        Caution(
            "sites.<guid>.search.verified_by",
            "A practice was never probed. The gateway asks such a practice for records of more hours"
            " than a search names, checks each match, and refuses searches that it cannot check."
            " `halo-gateway sites` lists these practices; `halo-gateway probe` prints the settings.",
            "dates",
        ),
    ),
    (
        _has_no_page_keys,
        Caution(
            "paging.keys",
            "No secret is set. Page links become invalid when this process ends, and on other replicas. Set"
            " the same secret for all replicas.",
        ),
    ),
    (
        _has_replica_local_ledger,
        Caution(
            "ledger.store",
            "Only ledger.path is set, so ledger and caps count this replica alone. Set `redis` for one ledger"
            " of all replicas, or `file`.",
        ),
    ),
    (
        _has_separate_workers,
        Caution(
            "server.workers",
            "Without cache.redis.url the workers share writes, refusals, pauses, circuits and rates, but each"
            " stores responses of its own, and sends its own request where another worker already waits for"
            " the same response. Set cache.redis.url to share both.",
        ),
    ),
    (
        _has_separate_ledgers,
        Caution(
            "ledger.path",
            "Several workers without ledger.path count in memory, each for itself: caps and the budgets of"
            " apps apply to each alone, and /admin/ledger shows the worker that responds. Set ledger.path or"
            " cache.redis.url.",
        ),
    ),
    (
        _has_webhooks_without_secret,
        Caution(
            "webhooks.secrets",
            "A site says what webhooks invalidate, but no secret is set, so the gateway accepts no webhook."
            " Set the secret of your webhooks at Halo.",
        ),
    ),
    (
        _has_nothing_to_serve,
        Caution(
            "sites.<guid>.time_zone",
            "No practice has a time zone, so every FHIR request is refused, and /readyz is 503. Set"
            ' sites.<guid>.time_zone for each practice, such as "Australia/Brisbane".',
            "configuration",
        ),
    ),
)


def find_cautions(settings: Settings) -> list[Caution]:
    """Return the cautions that apply to these settings."""
    return [caution for applies, caution in _CAUTIONS if applies(settings)]
