"""Cache lookup: a cacheable request with its key, types and directives, and the cache's configuration."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from math import inf
from typing import NamedTuple

from gateway.apps.app import App
from gateway.cache.accepted_ages import accepted_age, longest_accepted_age
from gateway.cache.caller_access import Access
from gateway.cache.directives import RequestDirectives, request_directives
from gateway.cache.freshness import Freshness, is_cacheable, requested_types
from gateway.cache.key import cache_key
from gateway.cache.patient_spellings import PatientSpellings, Scope, Spelling, patient_criterion
from gateway.cache.stored_response import StoredResponse
from gateway.exchange import FhirRequest, Site
from gateway.http.callers import fingerprint, is_background

_FULL_ACCESS = Access()


async def _no_version(_: Site) -> str:
    """Return no version: the configuration and the engine never change."""
    return ""


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """Configuration of the cache.

    `secret` is the key of the hashes in cache keys and tags, and the same in all replicas. `version_of` gives
    the version of the configuration and of the site's engine. `shared_callers` maps a caller's fingerprint to
    its group. `max_body`: bytes. `lock_seconds`: time after which the lock of a crashed replica expires; 0
    without replicas. `is_proved`: whether the upstream has served the caller of a request.
    `client_cache_control`: Cache-Control of responses to clients. `apps`: those that accept older data.
    """

    secret: bytes
    freshness_of: Callable[[Site], Freshness] = lambda _: Freshness()
    version_of: Callable[[Site], Awaitable[str]] = _no_version
    shared_callers: Mapping[str, str] = field(default_factory=dict)
    max_body: int = 8_000_000
    lock_seconds: float = 0.0
    max_detached_fetches: int = 100
    client_cache_control: str = "private, no-cache"
    is_proved: Callable[[FhirRequest], bool] = lambda _: True
    apps: Mapping[str, App] = field(default_factory=dict)

    def cache_control_of(self, status: int) -> str:
        """Cache-Control of a response to a client; a job (202) is never stored."""
        return "no-store" if status == HTTPStatus.ACCEPTED else self.client_cache_control


class SpelledSearch(NamedTuple):
    """A search from whose response the gateway may learn; `key_of` returns the key of both its spellings."""

    scope: Scope
    spelling: Spelling
    key_of: Callable[[], str]


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """A request with its cache key, resource types and cache directives; `site` is the Halo GUID.

    `caller_fingerprint` differs for callers, their apps, and background work, of which one may be rejected.
    `spelled`: for searches by patient only.
    """

    request: FhirRequest
    site: str
    key: str
    caller_fingerprint: str
    types: frozenset[str]
    freshness: Freshness
    directives: RequestDirectives
    access: Access = _FULL_ACCESS
    spelled: "SpelledSearch | None" = None
    apps: Mapping[str, App] = field(default_factory=dict)

    def is_accessible(self, requested_at: float) -> bool:
        """Whether the caller was not refused since a response was requested."""
        return requested_at > self.access.refused_at

    def may_share(self, requested_at: float, asked_at: float) -> bool:
        """Whether a request of this time may share what another replica requested, none with `no-cache`."""
        age = max(0.0, asked_at - requested_at)
        return age < self.joinable_age and self.is_accessible(requested_at)

    @property
    def fetch_key(self) -> str:
        """Key of the fetch that this request may join: a caller without access joins only its own."""
        return self.key if self.access.refused_at < inf else self.own_fetch_key

    @property
    def own_fetch_key(self) -> str:
        """Key of a fetch by this caller only."""
        return f"{self.key} {self.caller_fingerprint}"

    @property
    def purpose(self) -> str:
        """Purpose of the app that sent the request; empty if it is of none."""
        app = self.apps.get(self.request.app)
        return app.purpose if app else ""

    def lifetime_of(self, stored: StoredResponse) -> float:
        """Seconds for which a response may be served to the app, from the upstream request on.

        Its lifetime, or the age that the app accepts: less, or more if the response permits it.
        """
        accepted = self.accepted_age(stored.types or self.types)
        return stored.lifetime if accepted is None else min(accepted, _highest_age(stored))

    @property
    def joinable_age(self) -> float:
        """Seconds that a fetch may have run for which this request waits, too: its response has that age."""
        lifetime, accepted = self.freshness.lifetime(self.types), self.accepted_age(self.types)
        highest = lifetime if accepted is None else accepted
        if self.directives.min_fresh:
            highest = min(highest, lifetime - self.directives.min_fresh)
        return 0.0 if self.directives.requires_new_fetch else max(0.0, min(highest, self.directives.max_age))

    def fresh_until(self, stored: StoredResponse, age: float) -> float:
        """Age at which a response of this age stops to be fresh: its lifetime, then what the app accepts."""
        accepted = self.lifetime_of(stored)
        return accepted if age >= stored.lifetime else min(accepted, stored.lifetime)

    def accepted_age(self, types: frozenset[str]) -> float | None:
        """Highest age of data of these types that the app accepts, in seconds; None: what is fresh."""
        return accepted_age(self.apps.get(self.request.app), types, self.freshness)

    def longest_accepted_age(self, types: frozenset[str]) -> float:
        """Highest age of data of these types that any app accepts, in seconds."""
        return longest_accepted_age(self.apps.values(), types, self.freshness)

    def end_of_access(self, expires_at: float) -> float:
        """Return the time until which a response may be served: also the end of a membership in a group."""
        return min(expires_at, self.access.ends_at)


def _highest_age(stored: StoredResponse) -> float:
    """Highest age at which any app may get a response, in seconds."""
    return max(stored.lifetime, stored.max_accepted_age)


def lookup_for(
    request: FhirRequest,
    site: Site,
    config: CacheConfig,
    version: str = "",
    access: Access = _FULL_ACCESS,
    spellings: PatientSpellings | None = None,
) -> CacheLookup | None:
    """Return the lookup of a request, or None if it is not cacheable; `version` is from `version_of`."""
    freshness, types = config.freshness_of(site), requested_types(request)
    if not is_cacheable(request) or freshness.lifetime(types) <= 0:
        return None
    key_of = partial(cache_key, request, config.secret, version=version, shared_callers=config.shared_callers)
    spelled = _spelled_search(request, site, version, key_of) if spellings else None
    key = spelled.key_of() if spellings and spelled and spellings.are_alike(spelled.scope) else key_of()
    caller = f"{fingerprint(request.headers)} {is_background(request.headers)} {request.app}"
    directives = request_directives(request)
    accepted = accepted_age(config.apps.get(request.app), types, freshness)
    if accepted is not None and accepted < freshness.lifetime(types):  # as if the client asked for it
        directives = directives.with_max_age(accepted)
    return CacheLookup(
        request, site.guid, key, caller, types, freshness, directives, access, spelled, config.apps
    )


def _spelled_search(
    request: FhirRequest, site: Site, version: str, key_of: Callable[..., str]
) -> SpelledSearch | None:
    """Return what both spellings of a search by patient share; None for any other request."""
    is_search = request.interaction.code == "search-type"
    criterion = patient_criterion(request.client_search) if is_search else None
    if criterion is None:
        return None
    scope = Scope(site.guid, request.interaction.type, version, criterion.is_list)
    return SpelledSearch(scope, criterion.spelling, partial(key_of, any_patient_spelling=True))
