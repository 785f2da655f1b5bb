"""Handler chains: which handler wraps which, for one request. Read this first.

A search at a practice passes these handlers, from the outside in:

AccessLog            one log line per request                      telemetry/access_log.py
ErrorHandler         Failure -> OperationOutcome                   web/errors.py
BatchExecutor        sends each entry of a batch as one request    batch/executor.py
SavingsMeter         counts requests answered without a query      ledger/metering.py
WriteValidation      rejects or reports writes that are not R4     validation/write_validation.py
ExplainOperation     POST $explain                                 search/explain.py
PageLinks            page tokens in, page tokens out               paging/page_links.py
ConditionalWrites    refuses conditions that no site promises      validation/conditional_writes.py
DeclaredParameters   date parameters that a site declares itself   search/declared_parameters.py
InactiveSearches     sends a search that an engine proves to serve repairs/inactive_searches.py
RequestRepairs       known issues, request side                    repairs/handlers.py
CacheOutcomeCounter  hits and misses by resource type              cache/response_cache.py
ResponseCache        hit, coalesce, stale, store, invalidate       cache/response_cache.py
SearchExecutor       one page out of several queries               search/executor.py
ResponseRepairs      known issues, response side                   repairs/handlers.py
PageSizer            smaller page after 413                        paging/page_sizer.py
PauseGate            503 while a pause applies                     resilience/pauses.py
CircuitBreaker       503 while the circuit of the site is open     resilience/circuit_breaker.py
RateLimiter          rate per key, fair queue                      resilience/rate_limiter.py
Bulkhead             concurrency and queue per site                resilience/bulkhead.py
SiteRelocation       follows a practice to its new GUID            sites/relocation.py
Retry                safe retries within a budget                  resilience/retry.py
RateLimitRecheck     a second permit for late or repeated requests resilience/rate_limiter.py
CredentialFailureLimit  429 after many refusals of one address     resilience/credential_failure_limit.py
IssueDetector        notes what answers say about known issues     repairs/issue_detector.py
EngineDetector       notes the version of the site's FHIR engine   sites/engine_version.py
UpstreamMeter        counts billable upstream requests             ledger/metering.py
UpstreamClient       sends the request                             upstreams/client.py
"""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from gateway.admin.site_status import UpstreamHandlers
from gateway.batch.executor import BatchExecutor
from gateway.builders import RequestPolicies, circuit_registry, connection_pool, pause_registry, retry_budget
from gateway.cache.lookup import CacheConfig
from gateway.cache.response_cache import CacheBypass, CacheOutcomeCounter, ResponseCache
from gateway.exchange import Handler
from gateway.ledger.metering import SavingsMeter, UpstreamMeter
from gateway.ledger.rewrite_counts import RewriteCounter
from gateway.paging.page_sizer import PageSizer
from gateway.repairs import REPAIRS, WITNESSES, sql_parameter_conversion
from gateway.repairs.conversion_scopes import ConversionScopes
from gateway.repairs.handlers import ResponseRepairs
from gateway.repairs.issue_detector import IssueDetector
from gateway.repairs.sql_parameters import SqlParameters
from gateway.repairs.submitted_queries import SubmittedQueries
from gateway.resilience.backoff import ExponentialBackoff, remaining_wait
from gateway.resilience.bulkhead import Bulkhead, BulkheadLimits
from gateway.resilience.circuit_breaker import CircuitBreaker
from gateway.resilience.credential_failure_limit import CredentialFailureLimit
from gateway.resilience.credential_failures import CredentialFailures
from gateway.resilience.pauses import PauseGate
from gateway.resilience.rate_limiter import RateLimiter, RateLimitRecheck
from gateway.resilience.rate_limits import RateLimits
from gateway.resilience.retry import Retry
from gateway.runtime import Runtime, utc_now
from gateway.search.dry_run import Outlook
from gateway.search.explain import ExplainOperation
from gateway.search_handlers import SiteKnowledge, planning_handlers, request_handlers, search_executor
from gateway.settings import Settings, Upstream
from gateway.settings.resolve import site_settings_lookup
from gateway.sites.directory import SiteDirectory
from gateway.sites.engine_version import EngineDetector
from gateway.sites.issue_states import IssueStates
from gateway.sites.relocation import SiteRelocation
from gateway.stores.base import Store
from gateway.telemetry.access_log import AccessLog
from gateway.upstreams import DIALECTS
from gateway.upstreams.async_status import AsyncStatusUrls
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.retry_after import WaitLimits
from gateway.upstreams.site_statements import SiteStatements
from gateway.validation.write_validation import WriteValidation
from gateway.web.errors import ErrorHandler
from gateway.web.rejections import EntryRejection

#: Returns the innermost handlers of an upstream by the name of a dialect.
ClientFactory = Callable[[str], Handler]
#: Repairs that every FHIR server needs behind a proxy: they replace its base URL.
BASE_URL_REPAIRS = tuple(repair for repair in REPAIRS if repair.issue.id.endswith("-base-url"))


class Chain(NamedTuple):
    """Handlers of one upstream, outermost first, and the handlers with state for operators."""

    handler: Handler
    response_cache: ResponseCache | None = None
    upstream_handlers: UpstreamHandlers | None = None


def halo_chain(runtime: Runtime, upstream: Upstream, client_for: ClientFactory) -> Chain:
    """Chain of FHIR requests to practices, with all handlers."""
    version_of = runtime.engine_versions_of(upstream).local_version
    policies = RequestPolicies(runtime.settings, runtime.caller_secret, version_of, runtime.proved_callers)
    issue_states = runtime.issue_states_of(upstream)
    sender, upstream_handlers = with_resilience(
        runtime.store_of(upstream), upstream, client_for, policies, issue_states
    )
    knowledge = SiteKnowledge(SiteStatements(sender, policies.engine_version), issue_states)
    chain = practice_chain(runtime, sender, runtime.cache_config_of(upstream), knowledge, upstream_handlers)
    return chain._replace(upstream_handlers=upstream_handlers)


def practice_chain(
    runtime: Runtime,
    sender: Handler,
    config: CacheConfig,
    knowledge: SiteKnowledge,
    upstream_handlers: UpstreamHandlers | None = None,
) -> Chain:
    """Build the handlers outside of resilience, from AccessLog to ResponseRepairs."""
    settings, cipher = runtime.settings, runtime.token_cipher
    cache = ResponseCache(
        search_executor(settings, sender), runtime.store, config, runtime.cache_now, runtime.counters
    )
    counted = CacheOutcomeCounter(cache, runtime.outcome_counts)
    explain = ExplainOperation(
        request_handlers(settings, cipher, knowledge, counted),
        planning_handlers(settings, cipher, knowledge),
        outlook_of(cache, upstream_handlers),
        settings.search.limits,
    )
    return Chain(with_batches(with_write_validation(explain, settings), runtime), cache)


def with_batches(handler: Handler, runtime: Runtime) -> Handler:
    """Wrap a handler in the outermost handlers, with a BatchExecutor whose entries pass all of them, too."""
    alone, metered = with_observability(handler, runtime), SavingsMeter(handler, runtime.recorder)
    reject = EntryRejection(runtime.recorder)
    return AccessLog(ErrorHandler(BatchExecutor(metered, alone, reject, runtime.settings)))


def outlook_of(cache: ResponseCache, handlers: UpstreamHandlers | None) -> Outlook:
    """Return what cache, page sizes, pauses and circuits know of a search."""
    if handlers is None:
        return Outlook(cache.forecast)
    guards = handlers.pauses.require_not_paused, handlers.circuits.require_not_open
    return Outlook(cache.forecast, handlers.page_sizer.size_page, guards)


def with_write_validation(handler: Handler, settings: Settings) -> Handler:
    """Wrap a handler in WriteValidation unless the settings switch it off."""
    mode = settings.writes.validation
    return handler if mode == "off" else WriteValidation(handler, mode)


def fhir_chain(runtime: Runtime, client: Handler) -> Chain:
    """Chain of requests to a FHIR server that needs the base URL repairs only."""
    repaired = ResponseRepairs(AsyncStatusUrls(client), BASE_URL_REPAIRS)
    return Chain(with_observability(CacheBypass(repaired), runtime))


def passthrough_chain(runtime: Runtime, client: Handler) -> Chain:
    """Chain of requests that are not FHIR; it changes errors only."""
    return Chain(with_observability(CacheBypass(client), runtime))


def with_sql_parameters(handler: Handler, runtime: Runtime, upstream: Upstream) -> Handler:
    """Wrap a handler in SqlParameters."""
    settings_of = site_settings_lookup(runtime.settings)
    scopes = ConversionScopes(
        runtime.settings.sql.rewrite,
        runtime.issue_states_of(upstream),
        lambda guid: settings_of(guid).repairs.get(sql_parameter_conversion.ID, True),
    )
    queries = SubmittedQueries(runtime.store_of(upstream))
    counter = RewriteCounter(runtime.recorder, runtime.metrics.count_sql_command)
    return SqlParameters(handler, scopes, queries, counter, runtime.is_proved, runtime.rewrite_queue)


def with_observability(handler: Handler, runtime: Runtime) -> Handler:
    """Wrap a handler in the outermost handlers of every chain."""
    return AccessLog(ErrorHandler(SavingsMeter(handler, runtime.recorder)))


def upstream_client(runtime: Runtime, upstream: Upstream) -> ClientFactory:
    """Innermost handlers of an upstream, over one connection pool, with its own count of refusals."""
    transport = runtime.transport or connection_pool(upstream)
    runtime.add_pool(transport)
    settings, credential_failures = runtime.settings, CredentialFailures()
    waits = WaitLimits(settings.retry.max_upstream_wait_seconds, settings.circuit_breaker.max_open_seconds)

    def client_for(dialect: str) -> Handler:
        client = UpstreamClient(
            transport,
            DIALECTS[dialect],
            runtime.now,
            settings.errors.upstream_text,
            waits,
            runtime.metrics.count_dropped_fields,
        )
        engines = runtime.engine_versions_of(upstream)
        detector = IssueDetector(
            EngineDetector(UpstreamMeter(client, runtime.recorder), engines),
            runtime.issue_states_of(upstream),
            WITNESSES,
            runtime.is_proved,
            time.monotonic if runtime.now is utc_now else lambda: runtime.now().timestamp(),
        )
        return CredentialFailureLimit(
            detector,
            credential_failures,
            runtime.proved_callers,
            lambda request: remaining_wait(request, settings.retry.max_wait_seconds, time.monotonic()),
            time.monotonic,
            limit=settings.server.max_credential_failures,
        )

    return client_for


def with_resilience(
    store: Store,
    upstream: Upstream,
    client_for: ClientFactory,
    policies: RequestPolicies,
    issue_states: IssueStates,
) -> tuple[Handler, UpstreamHandlers]:
    """Handlers from PageSizer to RateLimitRecheck, and their state for operators."""
    settings, directory = policies.settings, SiteDirectory(client_for("halo-sql"))
    circuits = circuit_registry(settings, store, policies.secret, policies.is_proved)
    pauses = pause_registry(settings, store, policies.secret)
    budget = retry_budget(settings, store, policies.secret)
    rates = RateLimits(store, time.time, upstream.requests_per_second)
    retry = Retry(
        RateLimitRecheck(client_for("halo-connect"), rates, policies.remaining_wait),
        budget,
        ExponentialBackoff(settings.retry.initial_backoff_seconds, settings.retry.max_backoff_seconds),
        policies.remaining_wait,
        policies.proved_caller,
        clock=time.monotonic,
        jitter=random.random,
        retry_on_timeout=settings.retry.retry_on_timeout,
    )
    relocation = SiteRelocation(
        retry, store, policies.pms_identity, directory.find_successor, time.time, policies.secret
    )
    bulkhead = Bulkhead(
        relocation,
        BulkheadLimits(
            settings.bulkhead.max_concurrent, settings.bulkhead.max_queue, upstream.max_connections
        ),
        policies.remaining_wait,
        policies.proved_caller,
        circuits.require_not_open,
    )
    limiter = RateLimiter(bulkhead, rates, policies.queue_ticket, policies.remaining_wait)
    gate = PauseGate(CircuitBreaker(limiter, circuits, directory.is_online), pauses)
    sizer = PageSizer(
        gate,
        store,
        policies.max_response_bytes,
        policies.engine_version,
        time.time,
        policies.secret,
        probe_interval=settings.paging.probe_interval_seconds,
    )
    host = upstream.url.host or ""
    handlers = UpstreamHandlers(
        host,
        circuits,
        pauses,
        rates,
        budget,
        limiter,
        bulkhead,
        relocation,
        sizer,
        policies.caller_names,
        issue_states,
    )
    return sizer, handlers
