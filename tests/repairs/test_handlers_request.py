import asyncio

from support.requests import SITE, fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.search_params import parse_search
from gateway.repairs.handlers import RequestRepairs
from gateway.repairs.repair import KnownIssue, Repair


def renamed(request: FhirRequest) -> FhirRequest:
    return (
        request.replace(upstream_search=parse_search("b=2"))
        if request.upstream_search.query == "a=1"
        else request
    )


REPAIR = Repair(KnownIssue("rename", "", ""), request=renamed)


def asked(query: str, **changes: object) -> tuple[str, tuple[str, ...]]:
    seen: list[str] = []

    async def inner(request: FhirRequest) -> FhirResponse:
        seen.append(request.upstream_search.query)
        return FhirResponse(200, applied_repairs=("later",))

    response = asyncio.run(RequestRepairs(inner, (REPAIR,))(fhir_request("Patient", query, **changes)))
    return seen[0], response.applied_repairs


def test_what_is_sent_is_mended_and_said_before_later_repairs() -> None:
    assert asked("a=1") == ("b=2", ("rename", "later"))


def test_nothing_is_said_where_nothing_changed() -> None:
    assert asked("c=3") == ("c=3", ("later",))


def test_a_repair_that_is_off_does_nothing() -> None:
    off = type(SITE)(SITE.guid, SITE.zone, disabled_repairs=frozenset({"rename"}))
    assert asked("a=1", site=off) == ("a=1", ("later",))
