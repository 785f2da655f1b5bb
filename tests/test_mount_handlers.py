"""Handlers of mounted upstreams."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from conftest import settings_for
from support.requests import LABS, fhir_request, json_response
from support.scripted_upstream import OK

from gateway.chain import Chain, mounted_fhir_chain, mounted_passthrough_chain
from gateway.errors.catalog import UPSTREAM_CONNECT
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.interaction import NOT_FHIR
from gateway.mount_handlers import rate_limits_of
from gateway.repairs.extensions import Extensions
from gateway.repairs.repair import KnownIssue, Repair
from gateway.runtime import Runtime
from gateway.settings import MountedUpstream, Settings
from gateway.stores.memory import MemoryStore
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.failures import RATE_LIMITED, SERVER_ERROR, TIMEOUT, UNAVAILABLE
from gateway.upstreams.halo_sql import HALO_SQL
from gateway.upstreams.health_gorilla import HEALTH_GORILLA

pytestmark = pytest.mark.anyio

BASE = "https://labs.example/fhir/R4"


def settings(**mount: Any) -> Settings:
    upstream = {"url": BASE, "dialect": "health-gorilla", "path": "/labs"} | mount
    defaults = settings_for("http://upstream").model_dump()
    return Settings.model_validate(defaults | {"upstreams": {"labs": upstream}})


def request(path: str = "Patient/1", caller: str = "first", **changes: Any) -> FhirRequest:
    headers = (("authorization", f"Bearer {caller}"),)
    fields = {"site": LABS, "headers": headers, "public_base": "https://gw/labs", "upstream_base": BASE}
    return fhir_request(path, **(fields | changes))


class Upstream:
    """Client of a mount: it fails if a test says so, and records its requests."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.sent: list[FhirRequest] = []

    def client_for(self, dialect: str) -> Handler:
        del dialect

        async def send(request: FhirRequest) -> FhirResponse:
            self.sent.append(request)
            if self.failure:
                raise self.failure
            return json_response({"resourceType": "Patient", "id": "1"})

        return send


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    running = Runtime(settings())
    yield running
    await running.exit_stack.aclose()


def mounted(runtime: Runtime) -> MountedUpstream:
    return runtime.settings.upstreams["labs"]


def fhir(runtime: Runtime, upstream: Upstream, **extensions: Any) -> Chain:
    return mounted_fhir_chain(runtime, mounted(runtime), upstream.client_for, Extensions(**extensions))


def prove(runtime: Runtime, *requests: FhirRequest) -> None:
    for each in requests:
        runtime.recorder.record_success(each)


@pytest.mark.parametrize(
    ("kind", "is_outage"),
    [(UNAVAILABLE, True), (UPSTREAM_CONNECT, True), (SERVER_ERROR, False), (TIMEOUT, False)],
)
async def test_only_outages_of_two_proved_callers_stop_a_third(
    runtime: Runtime, upstream: Upstream, kind: FailureKind, is_outage: bool
) -> None:
    chain, callers = fhir(runtime, upstream), [request(caller=name) for name in ("first", "second")]
    prove(runtime, *callers)
    upstream.failure = Failure(kind)
    for each in callers * 6:
        await chain.handler(each)
    sent = len(upstream.sent)
    await chain.handler(request(caller="third"))
    assert (len(upstream.sent) == sent) is is_outage


async def test_failing_strangers_stop_no_caller(runtime: Runtime, upstream: Upstream) -> None:
    chain = fhir(runtime, upstream)
    upstream.failure = Failure(UNAVAILABLE)
    for number in range(6):
        await chain.handler(request(caller=f"made up {number}"))
    upstream.failure = None
    assert (await chain.handler(request(caller="honest"))).status == 200


async def test_sign_in_goes_on_while_callers_are_held(runtime: Runtime, upstream: Upstream) -> None:
    chain = mounted_passthrough_chain(runtime, mounted(runtime), upstream.client_for)
    upstream.failure = Failure(UNAVAILABLE, upstream_response=FhirResponse(503))
    ticket = request(path="Patient").replace(interaction=NOT_FHIR, path="api/tickets")
    for _ in range(3):
        assert (await chain.handler(ticket)).status == 503
    upstream.failure = None
    token = ticket.replace(method="POST", path="~/oauth/token")
    assert (await chain.handler(ticket)).status == 503
    assert (await chain.handler(token)).status == 200
    assert upstream.sent[-1].send_permit is None


async def test_rejections_speak_of_the_upstream(runtime: Runtime, upstream: Upstream) -> None:
    chain = fhir(runtime, upstream)
    upstream.failure = Failure(UNAVAILABLE)
    await chain.handler(request())
    rejected = await chain.handler(request())
    assert (len(upstream.sent), rejected.status) == (1, 503)
    assert b"requests to this upstream" in rejected.body
    assert b"practice " not in rejected.body


async def test_one_deadline_limits_the_waits_of_a_request(runtime: Runtime, upstream: Upstream) -> None:
    chain = fhir(runtime, upstream)
    await chain.handler(request())
    assert upstream.sent[0].deadline < float("inf")


async def test_repairs_of_extensions_follow_those_of_the_base_url(
    runtime: Runtime, upstream: Upstream
) -> None:
    seen: list[str] = []

    def note(name: str) -> Repair:
        def change(request: FhirRequest) -> FhirRequest:
            seen.append(name)
            return request.replace(headers=(*request.headers, ("prefer", name)))

        return Repair(KnownIssue(f"pack:{name}", name, "synthetic"), request=change)

    chain = fhir(runtime, upstream, repairs=(note("a"), note("b")))
    response = await chain.handler(request())
    assert seen == ["a", "b"]
    assert [value for name, value in upstream.sent[0].headers if name == "prefer"] == ["a", "b"]
    assert response.applied_repairs == ("pack:a", "pack:b")


async def test_what_is_no_fhir_is_not_repaired(runtime: Runtime, upstream: Upstream) -> None:
    def change(request: FhirRequest) -> FhirRequest:
        return request.replace(body=b"changed")

    repair = Repair(KnownIssue("pack:a", "a", "synthetic"), request=change)
    chain = fhir(runtime, upstream, repairs=(repair,))
    await chain.handler(request("Patient").replace(interaction=NOT_FHIR, path="~/downloads/1"))
    (sent,) = upstream.sent
    assert (sent.body, sent.path, sent.upstream_base) == (b"", "downloads/1", "https://labs.example")


def test_rules_of_extensions_precede_those_of_the_dialect() -> None:
    rule = ErrorRule("pack-rule", RATE_LIMITED, status={422})
    assert HEALTH_GORILLA.with_extension_rules(()) is HEALTH_GORILLA
    assert HALO_SQL.with_extension_rules((rule,)) is HALO_SQL
    assert HEALTH_GORILLA.with_extension_rules((rule,)).rules == (rule, *HEALTH_GORILLA.rules)


@pytest.mark.parametrize(
    ("mount", "learns"),
    [
        ({}, False),
        ({"dialect": "halo-itsm"}, False),
        ({"dialect": "halo-itsm", "rate_limits": []}, True),
        ({"rate_limits": [{"requests": 5, "seconds": 60}]}, False),
    ],
)
async def test_rate_is_learned_only_where_no_limit_is_known(mount: dict[str, Any], learns: bool) -> None:
    upstream = settings(**mount).upstreams["labs"]
    rates = rate_limits_of(MemoryStore(), upstream)
    await rates.record_refusal("k", Failure(RATE_LIMITED, retry_after=1), rates.now())
    assert (await rates.current_rate("k") is not None) is learns


@pytest.mark.parametrize(("profile", "sent"), [("off", 2), ("cautious", 1)])
async def test_cache_is_that_of_the_mount(upstream: Upstream, profile: str, sent: int) -> None:
    running = Runtime(settings(cache={"profile": profile}))
    chain = fhir(running, upstream)
    for _ in range(2):
        assert (await chain.handler(request())).status == OK.status
    assert len(upstream.sent) == sent
    assert (chain.response_cache is None) is (profile == "off")
    await running.exit_stack.aclose()


async def test_callers_of_one_group_share_nothing_at_a_mount() -> None:
    configured = settings(cache={"profile": "cautious"})
    groups = configured.cache.model_copy(update={"shared_callers": {"ward": ("a" * 64,)}})
    running = Runtime(configured.model_copy(update={"cache": groups}))
    assert running.cache_config.shared_callers == {"a" * 64: "ward"}
    config = running.mount_cache_config_of(mounted(running))
    assert config.shared_callers == {}
    assert config.freshness_of(LABS).profile == "cautious"
    await running.exit_stack.aclose()
