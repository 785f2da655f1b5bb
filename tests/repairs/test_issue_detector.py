"""Detector: which answers witnesses see, and that it changes none."""

from dataclasses import dataclass, field

import pytest
from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock, ScriptedUpstream, Step
from support.sql import refused, sql_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.repairs import WITNESSES
from gateway.repairs.issue_detector import SAMPLE_SECONDS, IssueDetector
from gateway.sites.issue_states import IssueStates
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import CREDENTIALS_INVALID
from gateway.upstreams.halo_failures import OFFLINE

pytestmark = pytest.mark.anyio

RELATIVE = json_response({"resourceType": "Patient", "managingOrganization": {"reference": "Organization/1"}})
PLAIN_ERROR = {"upstream_response": json_response({"message": "no"}, 504)}


@dataclass
class Case:
    """A detector in front of a scripted upstream, and the states that it fills."""

    steps: tuple[Step, ...]
    is_proved: bool = True
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.states = IssueStates(MemoryStore(clock=self.clock), self.clock, self._version)
        upstream, proved = ScriptedUpstream(*self.steps), lambda _, guid: self.is_proved and guid == GUID
        self.detector = IssueDetector(upstream, self.states, WITNESSES, proved, self.clock)

    async def send(self, request: FhirRequest = fhir_request("Patient/1")) -> None:  # noqa: B008 - frozen
        self.clock.now += 1
        try:
            assert await self.detector(request) in self.steps
        except Failure as failure:
            assert failure in self.steps  # noqa: PT017 - the very same object

    async def state(self, issue: str) -> str:
        return (await self.states.site_issues(GUID, [issue])).states[0].state

    async def _version(self, _: str) -> str:
        return "26.619"


async def test_answer_is_observed_and_passed_on() -> None:
    case = Case((RELATIVE,))
    await case.send()
    assert await case.state("reference-base-url") == "right"


async def test_only_one_answer_of_a_kind_is_observed() -> None:
    broken = json_response({"resourceType": "Patient", "meta": {"lastUpdated": "2026-01-01T00:00:00"}})
    case = Case((RELATIVE, broken))
    await case.send()
    await case.send()
    assert await case.state("last-updated-offset") == "unknown"
    case.clock.now += SAMPLE_SECONDS
    await case.send()
    assert await case.state("last-updated-offset") == "broken"


async def test_failure_of_a_served_caller_is_observed() -> None:
    case = Case((Failure(OFFLINE, **PLAIN_ERROR),))
    await case.send()
    assert await case.state("error-envelope") == "broken"


async def test_failure_of_an_unknown_caller_is_not_observed() -> None:
    case = Case((Failure(OFFLINE, **PLAIN_ERROR),), is_proved=False)
    await case.send()
    assert await case.state("error-envelope") == "unknown"


async def test_refused_credential_is_not_observed() -> None:
    case = Case((Failure(CREDENTIALS_INVALID, upstream_response=json_response({"message": "no"}, 401)),))
    await case.send()
    assert await case.state("error-envelope") == "unknown"


async def test_sql_query_is_observed_at_its_site() -> None:
    case = Case((refused(),))
    await case.send(sql_request("immediate"))
    assert await case.state("sql-parameter-conversion") == "broken"
