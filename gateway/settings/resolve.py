"""Sites as the core knows them, out of the configuration."""

from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo
from functools import lru_cache

from gateway.dates.instants import column_zone
from gateway.dates.registry import declared
from gateway.dates.support import DateFacts, Key
from gateway.dates.timezones import zone
from gateway.exchange import Site
from gateway.settings import Settings, SiteSettings

DEFAULT = "default"


class Sites:
    """Every practice this gateway may serve, by Halo GUID; those not named share the default settings."""

    def __init__(self, settings: Settings) -> None:
        self._default = _site(settings, DEFAULT)
        self._other = lru_cache(maxsize=1024)(self._by_default)
        self._named = {guid: _site(settings, guid) for guid in settings.sites if guid != DEFAULT}

    def __call__(self, guid: str) -> Site | None:
        """The site of a GUID; None when no setting says its time zone."""
        if guid in self._named:
            return self._named[guid]
        return self._other(guid)

    def _by_default(self, guid: str) -> Site | None:
        return self._default and replace(self._default, guid=guid, name=guid[:8])


def chosen(settings: Settings, guid: str) -> SiteSettings:
    """The settings of a site: its own over the default ones."""
    default = settings.sites.get(DEFAULT, SiteSettings())
    own = settings.sites.get(guid, SiteSettings())
    repairs = {**settings.repairs, **default.repairs, **own.repairs}
    update = {name: getattr(own, name) for name in own.model_fields_set}
    return default.model_copy(update={**update, "repairs": repairs})


def by_guid(settings: Settings) -> Callable[[str], SiteSettings]:
    """What finds the settings of a site; made once, since it is asked with every request."""
    known = {guid: chosen(settings, guid) for guid in {*settings.sites, DEFAULT}}
    return lambda guid: known.get(guid, known[DEFAULT])


def _site(settings: Settings, guid: str) -> Site | None:
    found = chosen(settings, guid)
    if found.time_zone is None:
        return None
    return Site(
        guid,
        zone(found.time_zone),
        found.name or guid[:8],
        frozenset(name for name, on in found.repairs.items() if not on),
        _facts(settings, found, zone(found.time_zone)),
        found.last_updated,
        found.show_times,
        found.inactive,
    )


def _facts(settings: Settings, found: SiteSettings, site: tzinfo) -> DateFacts:
    facts = found.search
    stamps = {(kind, "_lastUpdated"): column_zone(mode, site) for kind, mode in found.last_updated.items()}
    return DateFacts(
        repeats=facts.repeats,
        comma=facts.comma,
        sa_eb=facts.sa_eb,
        period=facts.period,
        columns=stamps | {_key(name): zone(column) for name, column in facts.columns.items()},
        precision={_key(name): precision for name, precision in facts.precision.items()},
        declared={_key(name): declared(*_key(name)) for name in facts.dates},
        max_splits=settings.search.max_splits,
    )


def _key(name: str) -> Key:
    kind, _, code = name.partition(".")
    return kind, code
