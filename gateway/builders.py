"""Builders of stores, cache configuration, ledger, secrets and request policies from the settings."""

import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

import httpx

from gateway.cache.freshness import Freshness
from gateway.cache.lookup import CacheConfig
from gateway.code_version import code_version
from gateway.exchange import FhirRequest, Site
from gateway.http.callers import CallerNames, is_background, keyed_fingerprint, ledger_label
from gateway.http.proved_callers import UNPROVED, ProvedCallers, caller_of
from gateway.key_derivation import derive_key
from gateway.paging.page_token import TokenCipher
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.circuit_breaker import CircuitRegistry
from gateway.resilience.fair_queue import QueueTicket
from gateway.resilience.pause_rules import PauseRule
from gateway.resilience.pauses import PauseRegistry
from gateway.resilience.quota_headers import endpoint_of
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.search.limits import SearchLimits
from gateway.settings import Cache, Settings
from gateway.settings import Upstream as UpstreamSettings
from gateway.settings.resolve import site_settings_lookup
from gateway.sites.directory import PmsIdentity
from gateway.sql.time_limit import max_seconds_in_queue
from gateway.stores.base import Store
from gateway.upstreams.client import Timeout, TimeoutOf
from gateway.upstreams.direct_transport import DirectTransport

#: Headers that distinguish programs with the same key; used for fairness only.
_FAIRNESS_HEADERS = ("user-agent", "x-forwarded-for")
#: Settings that change no byte of a response, as whole sections or parts of one, and the reason. Replicas
#: with different values share stored responses; every other setting is part of the version of a response.
IRRELEVANT_TO_RESPONSES: dict[str, tuple[bool | set[str], str]] = {
    "log": (True, "the log is no part of a response"),
    "traces": (True, "traces are no part of a response"),
    "ledger": (True, "the ledger is no part of a response"),
    "apps": (True, "names of the senders, and how old a stored response they accept; not its content"),
    "budget_webhook": (True, "messages about budgets"),
    "admin": (True, "access of operators"),
    "cors": (True, "fields that are added to each response as it is sent; a stored one has none"),
    "retry": (True, "number and time of upstream requests, not their content"),
    "circuit_breaker": (True, "time of upstream requests; a rejection by the gateway is not stored"),
    "bulkhead": (True, "time of upstream requests; a rejection by the gateway is not stored"),
    "sql": (True, "SQL queries; their results are not stored"),
    "writes": (True, "permitted writes; their responses are not stored"),
    "webhooks": (True, "who may invalidate stored responses; not their content"),
    "server": (
        {
            *("max_body", "max_total_body", "max_headers", "max_header_fields", "max_header_values"),
            *("max_json_values", "max_json_depth", "max_connections", "max_credential_failures"),
            *("timeouts", "max_uri", "max_batch_entries", "max_batch_response", "workers"),
            *("drain_delay", "drain_seconds"),
        },
        "limits of client requests, and the server's end; a rejection by the gateway is not stored",
    ),
    "search": (
        {*SearchLimits._fields},
        "limits of client requests; a rejection by the gateway is not stored",
    ),
    "upstream": (
        {"timeouts", "requests_per_second", "max_connections", "proxy", "ca_file"},
        "rate and network path of upstream requests; a failure of either is not stored",
    ),
    "paging": (
        {"keys"},
        "page links are made after a response is stored; a rotation changes the number of keys",
    ),
    "cache": (
        {"max_bytes", "max_detached_fetches", "lock_seconds", "redis", "keys"},
        "size, place and keys of the cache",
    ),
}


def cache_config(
    settings: Settings,
    process_secret: str,
    engine_version: Callable[[str], Awaitable[str]],
    packs_version: str = "",
) -> CacheConfig:
    """Cache configuration; `engine_version` returns the version of a site's engine by its GUID.

    `packs_version` changes with the quirk packs of the upstream, whose files are no settings. Without
    configured keys, `process_secret` keys the cache of this process.
    """
    cache, freshness_by_guid = settings.cache, freshness_lookup(settings)
    secret = next(_plaintext_keys(cache), process_secret)
    configuration_version = _configuration_version(settings, packs_version)

    def freshness_of(site: Site) -> Freshness:
        return freshness_by_guid(site.guid)

    async def version_of(site: Site) -> str:
        return f"{configuration_version} {await engine_version(site.guid)}"

    return CacheConfig(
        derive_key(secret, "cache keys"),
        freshness_of,
        version_of,
        {caller: alias for alias, callers in cache.shared_callers.items() for caller in callers},
        cache.max_body,
        cache.lock_seconds if cache.redis.url else 0.0,
        cache.max_detached_fetches,
        cache.client_cache_control,
    )


def freshness_lookup(settings: Settings) -> Callable[[str], Freshness]:
    """Return a function that looks up the lifetimes of a site's responses by its GUID."""
    profile, site_settings = settings.cache.profile, site_settings_lookup(settings)

    def freshness_by_guid(guid: str) -> Freshness:
        own = site_settings(guid).cache
        return Freshness(
            own.profile or profile, own.lifetimes, own.stale_if_error, own.stale_while_revalidate
        )

    return freshness_by_guid


def cache_secrets(settings: Settings) -> tuple[bytes, ...]:
    """Return the secrets of cache keys and patient tags of all replicas in a rotation of cache.keys."""
    return tuple(derive_key(key, "cache keys") for key in _plaintext_keys(settings.cache))


def _configuration_version(settings: Settings, packs_version: str) -> str:
    """Version of the code, plugins and packs, and of all settings that change responses."""
    relevant_settings = settings.model_dump_json(
        exclude={name: parts for name, (parts, _) in IRRELEVANT_TO_RESPONSES.items()}
    )
    versions = relevant_settings + settings.loaded_plugins.version + packs_version + code_version()
    return hashlib.sha256(versions.encode()).hexdigest()


def _plaintext_keys(cache: Cache) -> Iterator[str]:
    return (key.get_secret_value() for key in cache.keys)


def _transport_of(upstream: UpstreamSettings) -> Callable[..., httpx.AsyncBaseTransport]:
    if upstream.proxy is None:
        return DirectTransport
    from gateway.upstreams.transport import PooledTransport  # the import of aiohttp takes 0.1 s

    return partial(PooledTransport, proxy=upstream.proxy.get_secret_value())


def connection_pool(
    upstream: UpstreamSettings, max_connections: int | None = None
) -> httpx.AsyncBaseTransport:
    """Create the connection pool of an upstream. Raises OSError if upstream.ca_file is unreadable."""
    return _transport_of(upstream)(
        limits=httpx.Limits(
            max_connections=max_connections or upstream.max_connections,
            keepalive_expiry=upstream.timeouts.idle,
        ),
        timeout=httpx.Timeout(upstream.timeouts.read, connect=upstream.timeouts.connect),
        max_body=upstream.max_body,
        total_timeout=upstream.timeouts.total,
        ca_file=upstream.ca_file,
    )


def sql_timeout(settings: Settings) -> TimeoutOf:
    """Timeouts of upstream requests: those of a SQL query depend on its time in the practice's queue."""
    sql = settings.sql

    def timeout_of(request: FhirRequest) -> Timeout | None:
        if request.interaction.code != "sql" or not request.interaction.asks_practice:
            return None
        read = sql.read_timeout_seconds + max_seconds_in_queue(request.body)
        return {"read": read, "total": sql.total_timeout_seconds}

    return timeout_of


def caller_secret(settings: Settings, fallback_key: str) -> bytes:
    """Secret that hashes callers, equal on all replicas with the same first page key."""
    keys = [key.get_secret_value() for key in settings.paging.keys] or [fallback_key]
    return derive_key(keys[0], "callers")


def token_cipher(settings: Settings, fallback_key: str) -> TokenCipher:
    """Cipher of page links; without configured keys, `fallback_key` keys those of this process."""
    return TokenCipher([key.get_secret_value() for key in settings.paging.keys] or [fallback_key])


def circuit_registry(
    settings: Settings,
    store: Store,
    secret: bytes,
    is_proved: Callable[[FhirRequest], bool],
    registry: type[CircuitRegistry] = CircuitRegistry,
) -> CircuitRegistry:
    """Circuits of all sites and their callers, shared through the store."""
    breaker = settings.circuit_breaker
    backoff = ExponentialBackoff(breaker.initial_open_seconds, breaker.max_open_seconds)
    return registry(store, backoff, time.time, random.random, secret, is_proved)


def pause_registry(
    settings: Settings, store: Store, secret: bytes, own_rules: Sequence[PauseRule]
) -> PauseRegistry:
    """Pauses in effect, shared through the store, with the operator's rules before those of the upstream."""
    rules = tuple(PauseRule(**rule.model_dump()) for rule in settings.pauses.rules)
    return PauseRegistry(store, time.time, rules, secret, own_rules)


def retry_budget(settings: Settings, store: Store, secret: bytes) -> RetryBudget:
    """Retry budgets of all callers at all sites, shared through the store."""
    policy = RetryBudgetPolicy(settings.retry.budget_ratio, settings.retry.budget_min_per_hour)
    return RetryBudget(store, policy, time.time, secret)


def remaining_wait_of(settings: Settings) -> Callable[[FhirRequest], float]:
    """Return a function of the seconds that a request may still wait in queues and between retries."""
    return lambda request: remaining_wait(request, settings.retry.max_wait_seconds, time.monotonic())


class RequestPolicies:
    """Settings applied to one request: remaining wait, place in the queue, and limits of its site.

    `secret` keys the fingerprints of callers; `version_of` returns the version of the engine at a site GUID;
    `proved_callers` are those with a name.
    """

    def __init__(
        self,
        settings: Settings,
        secret: bytes,
        version_of: Callable[[str], str],
        proved_callers: ProvedCallers,
    ) -> None:
        self.settings = settings
        self.proved_callers = proved_callers
        self.secret = secret
        self._version_of = version_of
        self._site_settings = site_settings_lookup(settings)
        self.caller_names = CallerNames()
        self.remaining_wait = remaining_wait_of(settings)

    def queue_ticket(self, request: FhirRequest) -> QueueTicket:
        """Place in the queue of the rate limiter, fair to each site, program and client with the same key."""
        key, label = keyed_fingerprint(request.headers, self.secret), ledger_label(request.headers)
        caller = self.settings.ledger.callers.get(label)
        if caller or self.is_proved(request):
            self.caller_names.remember(key, caller.name if caller else label)
        site = request.site.guid if request.site else ""
        program = "\0".join((site, *(request.header(name) for name in _FAIRNESS_HEADERS)))
        return QueueTicket(key, program, bool(caller and caller.batch) or is_background(request.headers))

    def mount_ticket(self, request: FhirRequest, *, by_endpoint: bool) -> QueueTicket:
        """Place in the queue of a mounted upstream; its vendor may count the requests to each endpoint."""
        ticket = self.queue_ticket(request)
        return ticket._replace(key=f"{ticket.key}:{endpoint_of(request)}") if by_endpoint else ticket

    def proved_caller(self, request: FhirRequest) -> str:
        """Caller among whom places are dealt out; all unproved ones are one, because clients make up keys."""
        return caller_of(request) if self.is_proved(request) else UNPROVED

    def is_proved(self, request: FhirRequest) -> bool:
        """Whether the upstream has served the request's caller in the last day."""
        return self.proved_callers.is_proved(caller_of(request))

    def pms_identity(self, guid: str) -> PmsIdentity | None:
        """Return the configured identity of a practice in its own software, or None."""
        site = self._site_settings(guid)
        return PmsIdentity(site.pms_id, site.pms_name, site.follow_relocation) if site.pms_id else None

    def engine_version(self, request: FhirRequest) -> str:
        """Version of the engine at the request's site; empty if unknown."""
        return self._version_of(request.site.guid) if request.site else ""

    def max_response_bytes(self, request: FhirRequest) -> int:
        """Maximum size of a response, in bytes, at the request's site."""
        guid = request.site.guid if request.site else ""
        return self._site_settings(guid).max_response_bytes or self.settings.paging.max_response_bytes
