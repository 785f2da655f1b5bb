import asyncio
from typing import Any

from structlog.testing import capture_logs
from support.requests import SITE, fhir_request, json_response
from support.scripted_upstream import OK, Asking, Clock, Scripted, Step, run

from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, Site
from gateway.resilience.pause_rules import PauseRule
from gateway.resilience.pauses import PauseGate, PauseRegistry
from gateway.stores.memory import MemoryStore
from gateway.upstreams import failures, halo_failures

ELSEWHERE = Site("0a1b2c3d-0000-4000-8000-00000000000b", SITE.zone)


def asking(key: str = "k-1", site: Site = SITE, query: str = "", path: str = "Patient") -> FhirRequest:
    return fhir_request(path, query, headers=(("ocp-apim-subscription-key", key),), site=site)


def said(kind: FailureKind, text: str = "", **facts: Any) -> Failure:
    return Failure(kind, upstream_response=json_response({"message": text}, kind.status), **facts)


class Case(Asking):
    """A Paused with a clock of its own."""

    def __init__(self, *steps: Step, rules: tuple[PauseRule, ...] = ()) -> None:
        self.clock = Clock()
        self.inner = Scripted(*steps)
        self.pauses = PauseRegistry(MemoryStore(clock=self.clock), self.clock, rules, b"secret")
        self.handler = PauseGate(self.inner, self.pauses)


def test_a_quota_pauses_this_key_at_this_site_until_it_refills() -> None:
    async def steps() -> None:
        case = Case(said(halo_failures.QUOTA_EXHAUSTED, retry_after=18_753), OK)
        assert await case.code(asking()) == "upstream-quota"
        assert await case.code(asking()) == "requests-paused"
        assert (case.last.retry_after, case.last.kind.status) == (18_753, 503)
        assert case.last.codings == ((ERROR_CODE_SYSTEM, "upstream-quota"),)
        assert await case.code(asking("k-2")) == "200"
        assert await case.code(asking(site=ELSEWHERE)) == "200"
        case.clock.now += 18_754
        assert await case.code(asking()) == "200"
        assert len(case.inner.asked) == 4

    run(steps())


def test_an_invalid_key_is_refused_at_every_site_and_no_other_key_is() -> None:
    async def steps() -> None:
        case = Case(said(failures.CREDENTIALS_INVALID, "Access denied due to invalid subscription key."), OK)
        assert await case.code(asking()) == "upstream-credentials"
        assert await case.code(asking(site=ELSEWHERE)) == "requests-paused"
        assert await case.code(asking("k-2")) == "200"

    run(steps())


def test_a_refused_address_pauses_everybody_and_alarms() -> None:
    async def steps() -> None:
        case = Case(said(halo_failures.IP_BLOCKED, "Caller IP address 203.0.113.9 is not allowed."), OK)
        with capture_logs() as logs:
            await case.code(asking())
        assert [(each["log_level"], each["rule"], each["alarm"]) for each in logs] == [
            ("error", "caller-ip", True)
        ]
        assert await case.code(asking("k-2", ELSEWHERE)) == "requests-paused"

    run(steps())


def test_a_practitioner_away_is_not_asked_for_that_date_again() -> None:
    away = said(halo_failures.REQUEST_REFUSED, "The provider is away on that date.")

    async def steps() -> None:
        case = Case(away, OK)
        wanted = "practitioner=7&date=2026-04-05"
        assert await case.code(asking(query=wanted, path="Appointment")) == "practice-refused"
        assert await case.code(asking("k-2", query=wanted, path="Appointment")) == "requests-paused"
        for other in ("practitioner=7&date=2026-04-06", "practitioner=8&date=2026-04-05", "patient=1"):
            assert await case.code(asking(query=other, path="Appointment")) == "200"

    run(steps())


def test_a_message_without_a_practitioner_pauses_nothing() -> None:
    async def steps() -> None:
        case = Case(said(halo_failures.REQUEST_REFUSED, "The provider is away on that date."), OK)
        await case.code(asking(query="patient=1", path="Appointment"))
        assert await case.pauses.active_pauses() == {}

    run(steps())


def test_an_operators_rule_pauses_for_its_own_time_and_can_be_lifted() -> None:
    rule = PauseRule("renovation", "site", 120, message_pattern="closed for renovation")

    async def steps() -> None:
        case = Case(said(failures.SERVER_ERROR, "Closed for renovation"), OK, rules=(rule,))
        await case.code(asking())
        ((name, pause),) = (await case.pauses.active_pauses()).items()
        assert (pause.rule, pause.site, pause.until - pause.since) == ("renovation", "harbour", 120)
        assert await case.code(asking("k-2")) == "requests-paused"
        assert await case.pauses.clear_pause(name)
        assert not await case.pauses.clear_pause(name)
        assert await case.code(asking()) == "200"

    run(steps())


def test_what_fits_no_rule_pauses_nothing() -> None:
    async def steps() -> None:
        case = Case(said(failures.NOT_FOUND), OK)
        assert [await case.code(asking()) for _ in range(2)] == ["resource-not-found", "200"]

    run(steps())


def test_two_replicas_that_learn_at_once_lose_no_pause() -> None:
    async def steps() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        one, two = (PauseRegistry(store, clock, (), b"secret") for _ in range(2))
        quota = said(halo_failures.QUOTA_EXHAUSTED)
        learning = [
            each.add_matching_pause(asking(f"k-{n}"), quota) for n in range(20) for each in (one, two)
        ]
        await asyncio.gather(*learning)
        clock.now += 2
        assert len(await one.active_pauses()) == len(await two.active_pauses()) == 20

    run(steps())


def test_a_pause_that_many_requests_learn_of_is_one_line() -> None:
    async def steps() -> None:
        case = Case(said(halo_failures.QUOTA_EXHAUSTED, retry_after=60))
        with capture_logs() as logs:
            for _ in range(3):
                await case.pauses.add_matching_pause(
                    asking(), said(halo_failures.QUOTA_EXHAUSTED, retry_after=60)
                )
        assert [each["event"] for each in logs] == ["pause-started"]

    run(steps())
