"""What is kept for later: the store of this process or of all replicas, and how answers are cached in it."""

import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import httpx

from gateway.cache.freshness import Freshness
from gateway.cache.lookup import CacheConfig
from gateway.code_version import code_version
from gateway.exchange import FhirRequest, Site
from gateway.http.callers import CallerNames, is_background, keyed_fingerprint, ledger_label
from gateway.ledger.ledger import Ledger
from gateway.ledger.redis_ledger import RedisLedger
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.circuit_breaker import CircuitRegistry
from gateway.resilience.fair_queue import QueueTicket
from gateway.resilience.pause_rules import PauseRule
from gateway.resilience.pauses import PauseRegistry
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import RetryBudgetPolicy
from gateway.settings import Cache, Settings
from gateway.settings import Upstream as UpstreamSettings
from gateway.settings.resolve import site_settings_lookup
from gateway.sites.relocation import PmsIdentity
from gateway.stores.base import Store
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.redis import RedisStore
from gateway.upstreams.transport import PooledTransport

#: Header fields that tell programs with one key apart. They decide about fairness, and nothing else.
_FAIRNESS_HEADERS = ("user-agent", "x-forwarded-for")
#: Settings that change no byte of an answer, whole sections or parts of one, and why. Replicas that differ in
#: them share what is kept; all others, and any new one, are part of its version.
IRRELEVANT_TO_RESPONSES: dict[str, tuple[bool | set[str], str]] = {
    "log": (True, "what is written down"),
    "ledger": (True, "what is counted, and where"),
    "admin": (True, "how operators come in"),
    "retry": (True, "how often a question is put, not what it is"),
    "circuit_breaker": (True, "when a practice is asked; a rejection by the gateway is not stored"),
    "bulkhead": (True, "when a practice is asked; a rejection by the gateway is not stored"),
    "writes": (True, "which changes are sent; answers to them are not kept"),
    "server": (
        {"max_body", "max_headers", "max_connections", "timeouts", "max_uri"},
        "what is let in; what is refused is not kept",
    ),
    "upstream": (
        {"timeouts", "requests_per_second", "max_connections", "proxy", "ca_file"},
        "how fast and by which way it is asked, which changes no byte; a failure to is not kept",
    ),
    "cache": ({"max_bytes", "max_detached_fetches", "lock_seconds", "redis"}, "how much is kept, and where"),
}


def open_store(cache: Cache, exit_stack: AsyncExitStack) -> Store:
    """The store that the settings name; `closing` closes it with the application."""
    embedded: Callable[[], Store] = lambda: MemoryStore(cache.max_bytes - fast_path_bytes(cache))  # noqa: E731 - a factory
    if cache.redis.url is None:
        return embedded()
    shared = RedisStore(cache.redis.url.get_secret_value(), list(_plaintext_keys(cache)), cache.redis.timeout)
    both = FallbackStore(shared, embedded)
    exit_stack.push_async_callback(shared.aclose)
    exit_stack.push_async_callback(both.aclose)
    return both


def fast_path_bytes(cache: Cache) -> int:
    """Bytes for answers that are ready to be sent."""
    return cache.max_bytes // 4


def create_ledger(settings: Settings) -> Ledger:
    """The ledger of this process's file, or of all replicas where they share a Redis."""
    kept, url, timeout = settings.ledger, ledger_url(settings), settings.cache.redis.timeout
    if url:
        return Ledger(RedisLedger(url, kept.path, retention_days=kept.retention_days, timeout=timeout))
    return Ledger(SqliteLedger(kept.path, kept.retention_days))


def ledger_url(settings: Settings) -> str:
    """Where the ledger of all replicas is; empty for a file. A file that was named stays what it is."""
    kept, url = settings.ledger, settings.cache.redis.url
    shared = kept.store == "redis" if kept.store else kept.path is None
    return url.get_secret_value() if url and shared else ""


def cache_config(
    settings: Settings, process_secret: str, engine_version: Callable[[str], Awaitable[str]]
) -> CacheConfig:
    """How answers are cached; `engine` gives the version of a site's engine by its GUID.

    Without configured keys, `spare` names what is kept for this process alone.
    """
    cache, site = settings.cache, site_settings_lookup(settings)
    secret = next(_plaintext_keys(cache), process_secret)
    configured = _configuration_version(settings)

    def freshness_of(target_site: Site) -> Freshness:
        own = site(target_site.guid).cache
        return Freshness(
            own.profile or cache.profile, own.lifetimes, own.stale_if_error, own.stale_while_revalidate
        )

    async def version_of(target_site: Site) -> str:
        return f"{configured} {await engine_version(target_site.guid)}"

    return CacheConfig(
        hashlib.sha256(b"halo-gateway cache\0" + secret.encode()).digest(),
        freshness_of,
        version_of,
        {caller: alias for alias, callers in cache.shared_callers.items() for caller in callers},
        cache.max_body,
        cache.lock_seconds if cache.redis.url else 0.0,
        cache.max_detached_fetches,
        cache.client_cache_control,
        cache.trust_etags,
    )


def _configuration_version(settings: Settings) -> str:
    """The version of all that shapes an answer, but for the site's engine."""
    shaping = settings.model_dump_json(
        exclude={name: what for name, (what, _) in IRRELEVANT_TO_RESPONSES.items()}
    )
    return hashlib.sha256((shaping + code_version()).encode()).hexdigest()


def _plaintext_keys(cache: Cache) -> Iterator[str]:
    return (key.get_secret_value() for key in cache.keys)


def connection_pool(upstream: UpstreamSettings, max_connections: int | None = None) -> PooledTransport:
    """The connections to an upstream, as its settings want them, at most so many.

    Raises OSError where upstream.ca_file can no longer be read.
    """
    return PooledTransport(
        limits=httpx.Limits(
            max_connections=max_connections or upstream.max_connections,
            keepalive_expiry=upstream.timeouts.idle,
        ),
        timeout=httpx.Timeout(upstream.timeouts.read, connect=upstream.timeouts.connect),
        max_body=upstream.max_body,
        total_timeout=upstream.timeouts.total,
        proxy=upstream.proxy.get_secret_value() if upstream.proxy else "",
        ca_file=upstream.ca_file,
    )


def caller_secret(settings: Settings, fallback_key: str) -> bytes:
    """What hashes callers, equal on all replicas that share a page key."""
    keys = [key.get_secret_value() for key in settings.paging.keys] or [fallback_key]
    return hashlib.sha256(b"halo-gateway caller\0" + keys[0].encode()).digest()


def circuit_registry(settings: Settings, store: Store) -> CircuitRegistry:
    """Circuits of all sites, shared through the store."""
    breaker = settings.circuit_breaker
    backoff = ExponentialBackoff(breaker.initial_open_seconds, breaker.max_open_seconds)
    return CircuitRegistry(store, backoff, time.time, random.random)


def pause_registry(settings: Settings, store: Store, secret: bytes) -> PauseRegistry:
    """Pauses in effect, shared through the store, with the operator's rules before the gateway's own."""
    rules = tuple(PauseRule(**rule.model_dump()) for rule in settings.pauses.rules)
    return PauseRegistry(store, time.time, rules, secret)


def retry_budget(settings: Settings, store: Store) -> RetryBudget:
    """Retry budgets of all sites, shared through the store."""
    policy = RetryBudgetPolicy(settings.retry.budget_ratio, settings.retry.budget_min_per_hour)
    return RetryBudget(store, policy, time.time)


class RequestPolicies:
    """What the settings say about one request: how long it may wait, whose turn it is, what its site allows.

    `secret` keys callers' fingerprints, `version_of` gives the version of a site's engine by its GUID.
    """

    def __init__(self, settings: Settings, secret: bytes, version_of: Callable[[str], str]) -> None:
        self.settings = settings
        self.secret = secret
        self._version_of = version_of
        self._site_settings = site_settings_lookup(settings)
        self.caller_names = CallerNames()

    def remaining_wait(self, request: FhirRequest) -> float:
        """Seconds that the request may still wait in queues and between retries."""
        return remaining_wait(request, self.settings.retry.max_wait_seconds, time.monotonic())

    def queue_ticket(self, request: FhirRequest) -> QueueTicket:
        """Place in the rate limiter's queue: one key may serve many programs, clients and practices."""
        key, label = keyed_fingerprint(request.headers, self.secret), ledger_label(request.headers)
        caller = self.settings.ledger.callers.get(label)
        self.caller_names.remember(key, caller.name if caller else label)
        site = request.site.guid if request.site else ""
        program = "\0".join((site, *(request.header(name) for name in _FAIRNESS_HEADERS)))
        return QueueTicket(key, program, bool(caller and caller.batch) or is_background(request.headers))

    def pms_identity(self, guid: str) -> PmsIdentity | None:
        """Identity of a practice in its own software, where it is configured."""
        site = self._site_settings(guid)
        return PmsIdentity(site.pms_id, site.pms_name, site.follow_relocation) if site.pms_id else None

    def engine_version(self, request: FhirRequest) -> str:
        """Version of the engine at the request's site; empty where it is unknown."""
        return self._version_of(request.site.guid) if request.site else ""

    def max_response_bytes(self, request: FhirRequest) -> int:
        """Maximum size of a response, in bytes, at the request's site."""
        guid = request.site.guid if request.site else ""
        return self._site_settings(guid).max_response_bytes or self.settings.paging.max_response_bytes
