"""Longest time for which a stored response of a site may be served."""

from collections.abc import Iterable

from gateway.apps.app import App
from gateway.cache.accepted_ages import longest_accepted_age
from gateway.cache.freshness import Freshness
from gateway.cache.lifetimes import LIFETIMES


def longest_age(freshness: Freshness, apps: Iterable[App] = ()) -> int:
    """Return the highest age of any stored response of a site, in seconds; 0: the site stores none."""
    configured = (freshness.lifetimes, freshness.stale_if_error, freshness.stale_while_revalidate)
    types = {type_ for row in LIFETIMES for type_ in row.types}.union(*configured)
    apps = tuple(apps)
    return max(_longest_age_of_type(type_, freshness, apps) for type_ in types)


def _longest_age_of_type(type_: str, freshness: Freshness, apps: tuple[App, ...]) -> int:
    lifetime = freshness.lifetime([type_])
    if not lifetime:
        return 0
    stale = max(freshness.stale_if_error_seconds([type_]), freshness.stale_while_revalidate_seconds([type_]))
    return max(lifetime + stale, int(longest_accepted_age(apps, [type_], freshness)))
