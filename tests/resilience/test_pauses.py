"""Pauses and pause gate."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.requests import SITE, fhir_request, json_response
from support.scripted_upstream import OK, Clock, HandlerCase, ScriptedUpstream, Step

from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, Site
from gateway.resilience.pause_rules import PauseRule
from gateway.resilience.pauses import PauseGate, PauseRegistry
from gateway.stores.memory import MemoryStore
from gateway.upstreams import failures, halo_failures

pytestmark = pytest.mark.anyio

OTHER_SITE = Site("0a1b2c3d-0000-4000-8000-00000000000b", SITE.zone)


def request(key: str = "k-1", site: Site = SITE, query: str = "", path: str = "Patient") -> FhirRequest:
    return fhir_request(path, query, headers=(("ocp-apim-subscription-key", key),), site=site)


def failure(kind: FailureKind, text: str = "", **fields: Any) -> Failure:
    response = json_response({"message": text}, kind.status)
    return Failure(kind, upstream_response=response, own_words=text, **fields)


class Case(HandlerCase):
    """Pause gate with a manual clock."""

    def __init__(self, *steps: Step, rules: tuple[PauseRule, ...] = ()) -> None:
        self.clock = Clock()
        self.inner = ScriptedUpstream(*steps)
        self.pauses = PauseRegistry(MemoryStore(clock=self.clock), self.clock, rules, b"secret")
        self.handler = PauseGate(self.inner, self.pauses)


async def test_quota_pauses_the_key_at_the_site_until_it_refills() -> None:
    case = Case(failure(halo_failures.QUOTA_EXHAUSTED, retry_after=18_753), OK)
    assert await case.code(request()) == "upstream-quota"
    assert await case.code(request()) == "requests-paused"
    assert (case.last_failure.retry_after, case.last_failure.kind.status) == (18_753, 503)
    assert case.last_failure.codings == ((ERROR_CODE_SYSTEM, "upstream-quota"),)
    assert await case.code(request("k-2")) == "200"
    assert await case.code(request(site=OTHER_SITE)) == "200"
    case.clock.now += 18_754
    assert await case.code(request()) == "200"
    assert len(case.inner.requests) == 4


async def test_invalid_key_is_paused_at_every_site() -> None:
    case = Case(failure(failures.CREDENTIALS_INVALID, "Access denied due to invalid subscription key."), OK)
    assert await case.code(request()) == "upstream-credentials"
    assert await case.code(request(site=OTHER_SITE)) == "requests-paused"
    assert await case.code(request("k-2")) == "200"


async def test_blocked_ip_address_pauses_all_requests_with_an_alarm() -> None:
    case = Case(failure(halo_failures.IP_BLOCKED, "Caller IP address 203.0.113.9 is not allowed."), OK)
    with capture_logs() as logs:
        await case.code(request())
    events = [(line["log_level"], line["rule"], line["alarm"]) for line in logs]
    assert events == [("error", "caller-ip", True)]
    assert await case.code(request("k-2", OTHER_SITE)) == "requests-paused"


async def test_absent_practitioner_is_paused_for_the_date() -> None:
    away = failure(halo_failures.REQUEST_REFUSED, "The provider is away on that date.")

    case = Case(away, OK)
    query = "practitioner=7&date=2026-04-05"
    assert await case.code(request(query=query, path="Appointment")) == "practice-refused"
    assert await case.code(request("k-2", query=query, path="Appointment")) == "requests-paused"
    for other_query in ("practitioner=7&date=2026-04-06", "practitioner=8&date=2026-04-05", "patient=1"):
        assert await case.code(request(query=other_query, path="Appointment")) == "200"


async def test_search_without_practitioner_is_not_paused() -> None:
    case = Case(failure(halo_failures.REQUEST_REFUSED, "The provider is away on that date."), OK)
    await case.code(request(query="patient=1", path="Appointment"))
    assert await case.pauses.active_pauses() == {}


async def test_pause_by_a_rule_of_the_operator_can_be_cleared() -> None:
    rule = PauseRule("renovation", "site", 120, message_pattern="closed for renovation")

    case = Case(failure(failures.SERVER_ERROR, "Closed for renovation"), OK, rules=(rule,))
    await case.code(request())
    ((scope_key, pause),) = (await case.pauses.active_pauses()).items()
    assert (pause.rule, pause.site, pause.until - pause.since) == ("renovation", "harbour", 120)
    assert await case.code(request("k-2")) == "requests-paused"
    assert await case.pauses.clear_pause(scope_key)
    assert not await case.pauses.clear_pause(scope_key)
    assert await case.code(request()) == "200"


async def test_failure_without_rule_pauses_nothing() -> None:
    case = Case(failure(failures.NOT_FOUND), OK)
    assert [await case.code(request()) for _ in range(2)] == ["resource-not-found", "200"]


async def test_concurrent_pauses_of_replicas_are_all_stored() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    first, second = (PauseRegistry(store, clock, (), b"secret") for _ in range(2))
    quota = failure(halo_failures.QUOTA_EXHAUSTED)
    keys = [f"k-{number}" for number in range(20)]
    additions = [pauses.add_matching_pause(request(key), quota) for key in keys for pauses in (first, second)]
    await asyncio.gather(*additions)
    clock.now += 2
    assert len(await first.active_pauses()) == len(await second.active_pauses()) == 20


async def test_repeated_failures_log_one_pause() -> None:
    case = Case(failure(halo_failures.QUOTA_EXHAUSTED, retry_after=60))
    with capture_logs() as logs:
        for _ in range(3):
            await case.pauses.add_matching_pause(
                request(), failure(halo_failures.QUOTA_EXHAUSTED, retry_after=60)
            )
    assert [line["event"] for line in logs] == ["pause-started"]
