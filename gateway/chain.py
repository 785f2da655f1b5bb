"""Handler chains: which handler wraps which, for one request. Read this first.

A search at a practice passes these handlers, from the outside in:

RequestSpans         one span per request, if traces are on        telemetry/tracing_spans.py
RequestedForm        media type, content of a Binary; 406          web/requested_form.py
ErrorHandler         Failure -> OperationOutcome                   web/errors.py
BatchExecutor        sends each entry of a batch as one request    batch/executor.py
SavingsMeter         counts requests answered without a query      ledger/metering.py
ShapeRecorder        notes the shape of reads and searches         advice/recorder.py
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
SpendingGate         429 for what a cap or a budget refuses        ledger/spending_gate.py
PauseGate            503 while a pause applies                     resilience/pauses.py
CircuitBreaker       503 while the circuit of the site is open     resilience/circuit_breaker.py
RateLimiter          rate per key, fair queue                      resilience/rate_limiter.py
Bulkhead             concurrency and queue per site                resilience/bulkhead.py
SiteRelocation       follows a practice to its new GUID            sites/relocation.py
Retry                safe retries within a budget                  resilience/retry.py
RateLimitRecheck     a second permit for late or repeated requests resilience/rate_limiter.py
CredentialFailureLimit  429 after many refusals of a credential   resilience/credential_failure_limit.py
IssueDetector        notes what answers say about known issues     repairs/issue_detector.py
EngineDetector       notes the version of the site's FHIR engine   sites/engine_version.py
UpstreamMeter        counts billable upstream requests             ledger/metering.py
UpstreamSpans        one span per upstream request                 telemetry/tracing_spans.py
UpstreamClient       sends the request                             upstreams/client.py

A SQL query passes ErrorHandler, SavingsMeter, and all from SpendingGate on: the same objects. Before
these come HeldPolls, which waits for a query's end (sql/held_polls.py), and SqlParameters, which declares
large parameters in text (repairs/sql_parameters.py).

A request to a mounted upstream that is no Halo Connect passes these; the whole upstream is one site:

ErrorHandler, SavingsMeter as above
RequestRepairs       those of the base URL, plugins and packs      repairs/handlers.py
ResponseCache        if the mount has one, else CacheBypass        cache/response_cache.py
ResponseRepairs      the same repairs, response side               repairs/handlers.py
MountInvalidation    ends what jobs and other mounts change        cache/mount_invalidation.py
AsyncStatusUrls      URLs beside the upstream's FHIR base          upstreams/async_status.py
WaitDeadline         ends all waits of the request                 resilience/wait_deadline.py
SpendingGate to Bulkhead, Retry, RateLimitRecheck as above
QuotaHeaders         holds an endpoint without remaining quota     resilience/quota_headers.py
CredentialFailureLimit to UpstreamClient as above

What is no FHIR passes no repair and no cache: downloads, and all requests to HaloITSM. A request for a token,
or without a credential, passes a Bulkhead of its own instead of those from SpendingGate to QuotaHeaders.
"""

import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from gateway.admin.upstream_handlers import UpstreamHandlers
from gateway.advice.recorder import ShapeRecorder
from gateway.batch.executor import BatchExecutor
from gateway.builders import RequestPolicies, connection_pool, sql_timeout
from gateway.cache.lookup import CacheConfig
from gateway.cache.response_cache import CacheBypass, CacheOutcomeCounter, ResponseCache
from gateway.exchange import Handler
from gateway.ledger.metering import SavingsMeter, UpstreamMeter
from gateway.ledger.rewrite_counts import RewriteCounter
from gateway.mount_handlers import by_resource, mount_handlers, with_invalidation, with_mount_cache
from gateway.repairs import BASE_URL_REPAIRS, REPAIRS, own_witnesses, sql_parameter_conversion, witnesses_of
from gateway.repairs.conversion_scopes import ConversionScopes
from gateway.repairs.extensions import NO_EXTENSIONS, Extensions
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.repairs.issue_detector import IssueDetector
from gateway.repairs.repair import Repair
from gateway.repairs.rewrite_queue import AdmissionCheck, after_admission
from gateway.repairs.sql_parameters import SqlParameters
from gateway.repairs.submitted_queries import SubmittedQueries
from gateway.resilience.credential_failure_limit import CredentialFailureLimit
from gateway.resilience.credential_failures import CredentialFailures, FailureLimits
from gateway.resilience_handlers import ClientFactory, with_resilience
from gateway.runtime import Runtime, utc_now
from gateway.search.dry_run import Outlook
from gateway.search.explain import ExplainOperation
from gateway.search_handlers import SiteKnowledge, planning_handlers, request_handlers, search_executor
from gateway.settings import MountedUpstream, Settings, Upstream
from gateway.settings.resolve import site_settings_lookup
from gateway.sites.engine_version import EngineDetector
from gateway.sql.held_polls import HeldPolls
from gateway.upstreams.async_status import AsyncStatusUrls
from gateway.upstreams.client import UpstreamClient
from gateway.upstreams.retry_after import WaitLimits
from gateway.upstreams.site_statements import SiteStatements
from gateway.validation.write_validation import WriteValidation
from gateway.web.errors import ErrorHandler
from gateway.web.rejections import EntryRejection
from gateway.web.requested_form import RequestedForm


class Chain(NamedTuple):
    """Handlers of one upstream, outermost first, and the handlers with state for operators."""

    handler: Handler
    response_cache: ResponseCache | None = None
    upstream_handlers: UpstreamHandlers | None = None


class HaloChains(NamedTuple):
    """Chains of Halo Connect: FHIR, and SQL Passthrough with the same resilience handlers."""

    fhir: Chain
    sql: Chain


def halo_chains(
    runtime: Runtime, upstream: Upstream, client_for: ClientFactory, extensions: Extensions = NO_EXTENSIONS
) -> HaloChains:
    """Chains of requests to practices, with all handlers."""
    policies, issue_states = runtime.policies_of(upstream), runtime.issue_states_of(upstream)
    store, recorder = runtime.store_of(upstream), runtime.recorder
    guards = with_resilience(store, upstream, client_for, policies, issue_states, recorder)
    statements = SiteStatements(guards.fhir, policies.engine_version)
    knowledge = SiteKnowledge(statements, issue_states, (*REPAIRS, *extensions.repairs))
    config = runtime.cache_config_of(upstream, extensions.version)
    fhir = practice_chain(runtime, guards.fhir, config, knowledge, guards.state)
    require_not_paused = guards.state.pauses.require_not_paused
    sender = with_sql_parameters(guards.sql, runtime, upstream, require_not_paused)
    sql = sql_chain(runtime, with_held_polls(sender, runtime, policies))
    return HaloChains(fhir._replace(upstream_handlers=guards.state), sql)


def practice_chain(
    runtime: Runtime,
    sender: Handler,
    config: CacheConfig,
    knowledge: SiteKnowledge,
    upstream_handlers: UpstreamHandlers | None = None,
) -> Chain:
    """Build the handlers outside of resilience, from ErrorHandler to ResponseRepairs."""
    settings, cipher = runtime.settings, runtime.token_cipher
    cache = ResponseCache(
        search_executor(settings, sender, knowledge),
        runtime.store,
        config,
        runtime.cache_now,
        runtime.counters,
    )
    counted = CacheOutcomeCounter(cache, runtime.outcome_counts)
    explain = ExplainOperation(
        request_handlers(settings, cipher, knowledge, counted),
        planning_handlers(settings, cipher, knowledge),
        outlook_of(cache, upstream_handlers),
        settings.search.limits,
    )
    return Chain(with_batches(with_write_validation(explain, settings), runtime, knowledge.repairs), cache)


def with_batches(handler: Handler, runtime: Runtime, repairs: Sequence[Repair]) -> Handler:
    """Wrap a handler in the outermost handlers, with a BatchExecutor whose entries pass all of them, too."""
    alone = with_observability(handler, runtime, repairs)
    metered = SavingsMeter(with_advice(handler, runtime), runtime.recorder, repairs)
    reject = EntryRejection(runtime.recorder)
    batches = BatchExecutor(metered, alone, reject, runtime.settings, runtime.access_log.log)
    return runtime.tracing.with_request_spans(RequestedForm(ErrorHandler(batches), runtime.recorder))


def outlook_of(cache: ResponseCache, handlers: UpstreamHandlers | None) -> Outlook:
    """Return what cache, page sizes, pauses and circuits know of a search."""
    if handlers is None or handlers.practices is None:
        return Outlook(cache.forecast)
    guards = handlers.pauses.require_not_paused, handlers.circuits.require_not_open
    return Outlook(cache.forecast, handlers.practices.page_sizer.size_page, guards)


def with_write_validation(handler: Handler, settings: Settings) -> Handler:
    """Wrap a handler in WriteValidation unless the settings switch it off."""
    mode = settings.writes.validation
    return handler if mode == "off" else WriteValidation(handler, mode)


def mounted_fhir_chain(
    runtime: Runtime,
    upstream: MountedUpstream,
    client_for: ClientFactory,
    extensions: Extensions = NO_EXTENSIONS,
) -> Chain:
    """Chain of requests to a mounted FHIR server: the base URL repairs, and those of plugins and packs."""
    guards, repairs = mount_handlers(runtime, upstream, client_for), (*BASE_URL_REPAIRS, *extensions.repairs)
    sender = with_invalidation(AsyncStatusUrls(guards.handler), runtime, upstream)
    kept, cache = with_mount_cache(ResponseRepairs(sender, repairs), runtime, upstream, extensions.version)
    handler = by_resource(RequestRepairs(kept, repairs), CacheBypass(sender))
    return Chain(with_observability(handler, runtime, repairs), cache, guards.state)


def mounted_passthrough_chain(
    runtime: Runtime,
    upstream: MountedUpstream,
    client_for: ClientFactory,
    extensions: Extensions = NO_EXTENSIONS,
) -> Chain:
    """Chain of requests to a mounted upstream that is not FHIR: it changes no body, so no repair applies."""
    del extensions  # their rules are the client's
    guards = mount_handlers(runtime, upstream, client_for)
    handler = with_observability(CacheBypass(guards.handler), runtime, ())
    return Chain(handler, upstream_handlers=guards.state)


def sql_chain(runtime: Runtime, sender: Handler) -> Chain:
    """Chain of SQL queries to practices; `sender` has the PauseGate of FHIR, with all handlers inside."""
    return Chain(with_observability(CacheBypass(sender), runtime))


def with_sql_parameters(
    handler: Handler, runtime: Runtime, upstream: Upstream, require_admitted: AdmissionCheck
) -> Handler:
    """Wrap a handler in SqlParameters, which computes nothing for a request that is not admitted."""
    settings_of = site_settings_lookup(runtime.settings)
    scopes = ConversionScopes(
        runtime.settings.sql.rewrite,
        runtime.issue_states_of(upstream),
        lambda guid: settings_of(guid).repairs.get(sql_parameter_conversion.ID, True),
    )
    queries = SubmittedQueries(runtime.store_of(upstream), time.monotonic)
    counter = RewriteCounter(runtime.recorder, runtime.metrics.count_sql_command)
    rewrite = after_admission(runtime.rewrite_queue.rewrite, require_admitted)
    return SqlParameters(handler, scopes, queries, counter, runtime.is_proved, rewrite)


def passthrough_chain(runtime: Runtime, client: Handler) -> Chain:
    """Chain of requests that are not FHIR; it changes errors only."""
    return Chain(with_observability(CacheBypass(client), runtime))


def with_held_polls(handler: Handler, runtime: Runtime, policies: RequestPolicies) -> Handler:
    """Wrap the handlers of SQL Passthrough, outside of pauses and rates, in HeldPolls."""
    return HeldPolls(
        handler, policies.proved_caller, runtime.has_ended, clock=time.monotonic, jitter=random.random
    )


def with_observability(handler: Handler, runtime: Runtime, repairs: Sequence[Repair] = REPAIRS) -> Handler:
    """Wrap a handler in the outermost handlers of every chain; `repairs` are those that it applies."""
    metered = SavingsMeter(with_advice(handler, runtime), runtime.recorder, repairs)
    return runtime.tracing.with_request_spans(RequestedForm(ErrorHandler(metered), runtime.recorder))


def with_advice(handler: Handler, runtime: Runtime) -> Handler:
    """Wrap a handler in ShapeRecorder if operators can ask for advice."""
    log, admin = runtime.shape_log, runtime.settings.admin
    config, attribution_of = runtime.cache_config, runtime.recorder.attribution_of
    facts = config.apps, config.freshness_of
    recorder = ShapeRecorder(handler, log, attribution_of, runtime.monotonic, *facts)
    return recorder if admin.token or admin.listen else handler


def upstream_client(
    runtime: Runtime, upstream: Upstream, extensions: Extensions = NO_EXTENSIONS
) -> ClientFactory:
    """Innermost handlers of an upstream, over one connection pool, with its own count of refusals."""
    transport = runtime.transport or connection_pool(upstream)
    runtime.add_pool(transport)
    settings, credential_failures = runtime.settings, CredentialFailures()
    waits = WaitLimits(settings.retry.max_upstream_wait_seconds, settings.circuit_breaker.max_open_seconds)

    def client_for(dialect: str) -> Handler:
        client = UpstreamClient(
            transport,
            upstream.dialect_named(dialect).with_extension_rules(extensions.rules),
            runtime.now,
            settings.errors.upstream_text,
            waits,
            runtime.metrics.count_dropped_fields,
            sql_timeout(settings),
        )
        traced = runtime.tracing.with_upstream_spans(client, dialect)
        engines = runtime.engine_versions_of(upstream)
        detector = IssueDetector(
            EngineDetector(UpstreamMeter(traced, runtime.recorder), engines),
            runtime.issue_states_of(upstream),
            (*own_witnesses(upstream.resolved_dialect), *witnesses_of(extensions.repairs)),
            runtime.is_proved,
            time.monotonic if runtime.now is utc_now else lambda: runtime.now().timestamp(),
        )
        return CredentialFailureLimit(
            detector,
            credential_failures,
            runtime.proved_callers,
            runtime.remaining_wait,
            time.monotonic,
            FailureLimits(settings.server.max_credential_failures),
        )

    return client_for
