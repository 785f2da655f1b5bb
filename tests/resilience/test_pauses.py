"""Pauses and pause gate."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.requests import SITE, fhir_request, json_response, sql_request
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
    assert [await case.code(request()) for _ in range(3)] == ["upstream-quota"] * 3
    assert (case.last_failure.retry_after, case.last_failure.kind.status) == (18_753, 429)
    assert case.last_failure.upstream_response is None
    assert await case.code(request("k-2")) == "200"
    assert await case.code(request(site=OTHER_SITE)) == "200"
    case.clock.now += 18_754
    assert await case.code(request()) == "200"
    assert len(case.inner.requests) == 4


async def test_invalid_key_is_refused_again_at_every_site() -> None:
    challenge = ("www-authenticate", "Bearer")
    case = Case(failure(failures.CREDENTIALS_INVALID, "Invalid subscription key.", headers=(challenge,)), OK)
    assert await case.code(request()) == "upstream-credentials"
    assert await case.code(request(site=OTHER_SITE)) == "upstream-credentials"
    refused = case.last_failure
    assert (refused.kind.status, refused.retry_after, refused.headers) == (401, 300, (challenge,))
    assert (refused.kind.issue, refused.kind.may_have_run) == ("login", False)
    assert failures.CREDENTIALS_INVALID.text in refused.text
    assert "was not sent" in refused.text
    assert await case.code(request("k-2")) == "200"
    assert len(case.inner.requests) == 2


NOT_AUTHORITATIVE = failure(halo_failures.NOT_AUTHORITATIVE, "The practice is non-authoritative.")


async def test_refused_caller_closes_no_door_for_others() -> None:
    case = Case(OK, NOT_AUTHORITATIVE, OK)
    codes = [await case.code(request(key)) for key in ("k-1", "k-2", "k-1", "k-3", "k-2")]
    assert codes == ["200", "site-not-authoritative", "200", "200", "site-not-authoritative"]


async def test_callers_who_were_never_served_are_no_evidence() -> None:
    case = Case(NOT_AUTHORITATIVE, NOT_AUTHORITATIVE, OK)
    assert [await case.code(request(key)) for key in ("k-1", "k-2", "k-3")][2] == "200"


async def test_two_served_callers_who_are_refused_pause_the_site() -> None:
    case = Case(OK, OK, NOT_AUTHORITATIVE, NOT_AUTHORITATIVE, OK)
    for key in ("k-1", "k-2", "k-1", "k-2"):
        await case.code(request(key))
    assert await case.code(request("k-3")) == "requests-paused"
    assert (case.last_failure.kind.status, case.last_failure.retry_after) == (503, 900)
    assert case.last_failure.codings == ((ERROR_CODE_SYSTEM, "site-not-authoritative"),)
    assert await case.code(request("k-3", OTHER_SITE)) == "200"
    assert await case.code(request("k-1")) == "site-not-authoritative"


async def test_caller_who_was_served_is_not_paused_by_others() -> None:
    case = Case(OK, OK, OK, NOT_AUTHORITATIVE, NOT_AUTHORITATIVE, OK)
    for key in ("k-1", "k-2", "k-3", "k-1", "k-2"):
        await case.code(request(key))
    assert await case.code(request("k-3")) == "200"
    assert await case.code(request("k-4")) == "200"


async def test_response_to_another_caller_takes_the_evidence() -> None:
    case = Case(OK, OK, NOT_AUTHORITATIVE, OK, NOT_AUTHORITATIVE, OK)
    for key in ("k-1", "k-2", "k-1", "k-3", "k-2"):
        case.clock.now += 1
        await case.code(request(key))
    assert await case.code(request("k-4")) == "200"


async def test_response_to_an_earlier_request_takes_no_evidence() -> None:
    case = Case(OK, OK, NOT_AUTHORITATIVE, NOT_AUTHORITATIVE)
    for key in ("k-1", "k-2", "k-1", "k-2"):
        await case.code(request(key))
    await case.pauses.record_response(request("k-3"), case.clock.now - 1)
    assert await case.code(request("k-4")) == "requests-paused"


async def test_blocked_ip_address_pauses_all_after_two_served_callers() -> None:
    blocked = failure(halo_failures.IP_BLOCKED, "Caller IP address 203.0.113.9 is not allowed.")
    case = Case(OK, OK, blocked, blocked, OK)
    with capture_logs() as logs:
        for key in ("k-1", "k-2", "k-1", "k-2"):
            await case.code(request(key))
    events = [(line["log_level"], line["scope"], line["alarm"]) for line in logs]
    assert events == [("error", "caller", True), ("error", "caller", True), ("error", "gateway", True)]
    assert await case.code(request("k-3", OTHER_SITE)) == "requests-paused"


async def test_refused_key_that_never_worked_is_no_alarm() -> None:
    case = Case(failure(failures.CREDENTIALS_INVALID, "Invalid subscription key."))
    with capture_logs() as logs:
        await case.code(request())
    assert [(line["log_level"], line["alarm"]) for line in logs] == [("warning", False)]


async def test_absent_practitioner_is_refused_again_for_the_date() -> None:
    away = failure(halo_failures.REQUEST_REFUSED, "The provider is away on that date.")
    case = Case(away, OK)
    query = "practitioner=7&date=2026-04-05"
    codes = [await case.code(request(key, query=query, path="Appointment")) for key in ("k-1", "k-1", "k-2")]
    assert codes == ["practice-refused", "practice-refused", "200"]
    for other_query in ("practitioner=7&date=2026-04-06", "practitioner=8&date=2026-04-05", "patient=1"):
        assert await case.code(request(query=other_query, path="Appointment")) == "200"


async def test_absent_practitioner_is_paused_after_two_callers() -> None:
    away = failure(halo_failures.REQUEST_REFUSED, "The provider is away on that date.")
    case = Case(OK, OK, OK, away, away, OK)
    for key in ("k-1", "k-2", "k-3"):
        await case.code(request(key))
    query = "practitioner=7&date=2026-04-05"
    codes = [await case.code(request(key, query=query, path="Appointment")) for key in ("k-1", "k-2", "k-3")]
    assert codes == ["practice-refused", "practice-refused", "requests-paused"]


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
    assert await case.code(request()) == "upstream-500"
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


async def test_query_that_only_halo_cloud_accepted_proves_no_caller() -> None:
    case = Case(OK)
    await case.code(sql_request("async"))
    assert not case.pauses._served
    await case.code(sql_request("immediate"))
    assert case.pauses._served
