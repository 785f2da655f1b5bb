import asyncio
from collections.abc import Callable

import msgspec
import pytest
from search.test_merge import BASE, FILTERED, TWO, entry, page
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.executor import SearchExecutor

Answer = Callable[[FhirRequest], FhirResponse]


class Asked:
    """An upstream that answers by a function and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.queries: list[str] = []
        self._answer = answer

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.queries.append(request.upstream_search.query)
        return self._answer(request)


def gathered(request: FhirRequest, answer: Answer, budget: int = 5) -> tuple[FhirResponse, list[str]]:
    asked = Asked(answer)
    return asyncio.run(SearchExecutor(asked, budget)(request)), asked.queries


def test_a_provably_empty_search_costs_nothing() -> None:
    response, queries = gathered(
        rewrite_dates(fhir_request("Patient", "birthdate=gt2020&birthdate=lt2019")), lambda _: page([])
    )
    assert (msgspec.json.decode(response.body)["total"], queries) == (0, [])


def test_an_empty_part_is_read_past_and_a_full_one_ends_the_page() -> None:
    pages = {
        "date=lt2026-04-05T00:00:00&status=booked": [],
        "date=ge2026-04-06T00:00:00&status=booked": [entry("1")],
    }
    response, queries = gathered(TWO, lambda request: page(pages[request.upstream_search.query]))
    assert queries == list(pages)
    assert response.bundle is not None
    assert len(response.bundle.entries) == 1


def test_a_page_of_nothing_is_read_past_within_the_budget_and_next_leads_on() -> None:
    response, queries = gathered(FILTERED, lambda _: page([], "/Encounter?token=2"), budget=3)
    assert len(queries) == 3
    assert response.page_positions is not None
    assert "next" in response.page_positions


def test_a_count_adds_up_the_parts() -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=ne2026-04-05&_summary=count"))
    response, queries = gathered(request, lambda _: page([], total=3))
    assert (msgspec.json.decode(response.body), len(queries)) == (
        {"resourceType": "Bundle", "type": "searchset", "total": 6},
        2,
    )


def test_a_count_that_would_cost_too_much_is_refused() -> None:
    request = rewrite_dates(fhir_request("Encounter", "date=2026-04-05&_summary=count&status=finished"))
    with pytest.raises(Failure) as refused:
        gathered(request, lambda _: page([], "/Encounter?token=2"))
    assert refused.value.kind.issue == "too-costly"


def test_what_is_no_list_goes_straight_through() -> None:
    response, queries = gathered(fhir_request("Patient/1"), lambda _: FhirResponse(200, body=b"{}"))
    assert (response.body, queries) == (b"{}", [""])
    assert BASE.endswith("R4")
