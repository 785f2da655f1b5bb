"""Searches for inactive records: refused, tried, or sent."""

from typing import Any

import pytest
from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock, ScriptedUpstream

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Position
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs
from gateway.repairs.inactive_searches import InactiveSearches
from gateway.sites.issue_states import IssueStates, Observation, Verdict
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

ISSUE = "inactive-records"
INACTIVE = {"resourceType": "Patient", "id": "1", "active": False}
ACTIVE = {"resourceType": "Patient", "id": "2", "active": True}


def page(*resources: dict[str, Any]) -> FhirResponse:
    return json_response(
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]}
    )


class Case:
    """The handler in front of the request repairs and a scripted upstream."""

    def __init__(self, *pages: FhirResponse) -> None:
        clock = Clock()
        self.states = IssueStates(MemoryStore(clock=clock), clock, self._version)
        self.upstream = ScriptedUpstream(*pages or (page(INACTIVE),))
        self.handler = InactiveSearches(RequestRepairs(self.upstream, REPAIRS), self.states)

    async def learn(self, verdict: Verdict, kind: str = "Patient") -> None:
        await self.states.observe(GUID, [Observation(ISSUE, kind, verdict)])

    async def status(self, query: str, path: str = "Patient", **changes: Any) -> int:
        return await self.status_of(fhir_request(path, query, **changes))

    async def status_of(self, request: FhirRequest) -> int:
        try:
            return (await self.handler(request)).status
        except Failure as failure:
            return 400 if failure.kind.code == ISSUE else 0

    async def verdict(self) -> str | None:
        return await self.states.verdict_on(GUID, ISSUE, "Patient")

    async def _version(self, _: str) -> str:
        return "26.619"


async def test_unproved_search_is_refused_unsent() -> None:
    case = Case()
    assert await case.status("active=false") == 400
    assert not case.upstream.requests
    assert await case.status("family=Zzyzx") == 200


async def test_trial_with_only_inactive_matches_is_a_proof() -> None:
    case = Case()
    await case.learn("seen")
    assert await case.status("active=false") == 200
    assert await case.verdict() == "right"
    assert await case.status("active=false&_summary=count") == 200
    assert await case.status("active=false&family=Zzyzx") == 200


@pytest.mark.parametrize("resources", [(ACTIVE,), (INACTIVE, ACTIVE), (INACTIVE, {"resourceType": "Slot"})])
async def test_trial_with_other_matches_is_refused(resources: tuple[dict[str, Any], ...]) -> None:
    case = Case(page(*resources))
    await case.learn("seen")
    assert await case.status("active=false") == 400
    assert await case.verdict() == "broken"
    assert await case.status("active=false") == 400
    assert len(case.upstream.requests) == 1


async def test_search_by_the_criterion_alone_can_end_the_proof() -> None:
    case = Case(page(INACTIVE), page(ACTIVE))
    await case.learn("right")
    assert await case.status("active=false") == 200
    assert await case.verdict() == "right"
    assert await case.status("active=false") == 400
    assert await case.status("active=false&family=Zzyzx") == 400
    assert len(case.upstream.requests) == 2


@pytest.mark.parametrize("resources", [(), ({"resourceType": "OperationOutcome"},)])
async def test_empty_result_proves_nothing(resources: tuple[dict[str, Any], ...]) -> None:
    case = Case(page(*resources))
    await case.learn("seen")
    assert await case.status("active=false") == 400
    assert await case.verdict() == "seen"
    await case.learn("right")
    assert await case.status("active=false") == 200
    assert await case.verdict() == "right"


@pytest.mark.parametrize(
    "query", ["_count=0", "_count=00", "_include=Patient:link", "_sort=active", "_id=2", "_total:x=none"]
)
@pytest.mark.parametrize("resources", [(), (ACTIVE,), (INACTIVE,)])
async def test_parameter_of_one_caller_changes_no_state(query: str, resources: Any) -> None:
    """An upstream may list includes without their mode, and a caller chooses which record is first."""
    case = Case(page(*resources))
    await case.learn("right")
    assert await case.status(f"active=false&{query}") == 200
    assert await case.verdict() == "right"


async def test_search_by_post_changes_no_state() -> None:
    """An upstream that does not read the form returns active records."""
    case = Case(page(ACTIVE))
    await case.learn("right")
    assert await case.status("", "Patient/_search", method="POST", form="active=false") == 200
    assert await case.verdict() == "right"


async def test_later_page_and_head_neither_prove_nor_refute() -> None:
    case = Case(page())
    later = fhir_request("Patient", "active=false").with_plan(position=Position(upstream_link="?page=2"))
    head = fhir_request("Patient", "active=false", "HEAD")
    await case.learn("seen")
    assert [await case.status_of(request) for request in (later, head)] == [400, 400]
    await case.learn("right")
    assert [await case.status_of(request) for request in (later, head)] == [200, 200]
    assert await case.verdict() == "right"


async def test_not_modified_response_is_passed_on_only_with_proof() -> None:
    case = Case(FhirResponse(304))
    await case.learn("seen")
    assert await case.status("active=false") == 400
    assert await case.verdict() == "seen"
    await case.learn("right")
    assert await case.status("active=false") == 304


async def test_include_is_no_match_of_a_trial() -> None:
    included = {"resource": {"resourceType": "Organization"}, "search": {"mode": "include"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": INACTIVE}, included]}
    case = Case(json_response(bundle))
    await case.learn("seen")
    assert await case.status("active=false&_count=50") == 200
    assert await case.verdict() == "right"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient", "active=false&family=Zzyzx"),
        ("Patient", "active=false&_summary=count"),
        ("Patient", "active=false&_elements=id"),
        ("Patient", "active=false&_count=0"),
        ("Patient", "active=false&_count=00"),
        ("Patient", "active=false&_include=Patient:link"),
        ("Patient", "active=false,true"),
        ("Patient", "active:not=true"),
        ("Patient", "active=http://made-up.example|false"),
        ("Patient", "active=false&active:not=true"),
        ("Patient", "_has:Patient:link:active=false"),
        ("Appointment", "patient:Patient.active=false"),
    ],
)
async def test_search_that_proves_nothing_is_no_trial(path: str, query: str) -> None:
    case = Case()
    await case.learn("seen")
    assert await case.status(query, path) == 400
    assert not case.upstream.requests


async def test_proof_is_for_its_type_only() -> None:
    case = Case()
    await case.learn("right")
    assert await case.status("status=inactive", "Location") == 400


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient", "active:not=true"),
        ("Patient", "active=false,true"),
        ("Patient", "active=|false"),
        ("Patient", "active=FALSE"),
        ("Patient", "active=0"),
        ("Patient", "active=false&active=TRUE"),
        ("Patient", "active=false&active:not=true"),
        ("Patient", "link:Patient.active=false"),
        ("Patient", "_has:Patient:link:active=false"),
        ("Appointment", "patient:Patient.active=false"),
        ("Appointment", "patient.active=false"),
        ("Location", "active=false"),
    ],
)
async def test_proof_covers_only_the_plain_criterion(path: str, query: str) -> None:
    case = Case()
    for kind in ("Patient", "Appointment", "Location"):
        await case.learn("right", kind)
    assert await case.status(query, path) == 400
    assert not case.upstream.requests


async def test_trial_of_deleted_records() -> None:
    coding = {"coding": [{"code": "entered-in-error"}]}
    allergy = {"resourceType": "AllergyIntolerance", "verificationStatus": coding}
    case = Case(page(allergy))
    await case.learn("seen", "AllergyIntolerance")
    assert await case.status("verification-status=entered-in-error", "AllergyIntolerance") == 200
