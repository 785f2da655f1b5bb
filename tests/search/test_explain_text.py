"""Lines of an explanation, by the handlers of the chain."""

from dataclasses import replace

import pytest
from search.test_explain import PLANNING
from support.requests import SITE, fhir_request

from gateway.cache.forecast import CacheForecast
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import parse_search
from gateway.resilience.circuit import CIRCUIT_OPEN
from gateway.search.dry_run import Outlook
from gateway.search.explain import explain_search

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "query", "line"),
    [
        ("Patient", "name=x", "No date criteria."),
        ("Patient", "name=x", "cost: 1 upstream query per page"),
        (
            "Appointment",
            "date=2026-04",
            "upstream: Appointment?date=ge2026-04-01T00:00:00&date=lt2026-05-01T00:00:00",
        ),
        ("Appointment", "date=ne2026-04", "cost: 1 to 2 upstream queries for the first page"),
        ("Appointment", "date=ne2026-04&_summary=count", "cost: 2 upstream queries"),
        ("Encounter", "date=2026-04", "filter: yes"),
        ("Patient", "birthdate=gt2020&birthdate=lt2019", "Provably nothing matches"),
        ("Patient", "birthdate=2023-02-29", "rejected: birthdate: The value is not a valid date"),
        (
            "Patient",
            "active=false",
            "rejected: The practice system is not known to return inactive or deleted",
        ),
        ("Patient", "active=false", "(inactive-records) cost: no upstream query"),
        ("Patient", "birthdate:exact=2023", "(date-not-expressible)"),
        ("Patient", "_page=forged", "(page-unknown)"),
        ("Patient", "enrolled=2020", "first: GET metadata (free, kept for an hour)."),
        ("Patient/1/_history", "_since=2026-04-01", "upstream: Patient/1/_history?_since="),
    ],
)
async def test_explanation_contains_the_plan(path: str, query: str, line: str) -> None:
    assert line in "\n".join(await explain_search(fhir_request(path, query), PLANNING))


async def test_answer_of_a_repair_costs_nothing() -> None:
    site = replace(SITE, inactive_records="empty")
    text = "\n".join(await explain_search(fhir_request("Patient", "active=false", site=site), PLANNING))
    assert "answers by itself (inactive-records): no upstream query" in text


async def test_cache_page_size_and_obstacle_are_told() -> None:
    async def forecast_cache(_: FhirRequest) -> CacheForecast:
        return CacheForecast("hit", 60, 12.4)

    async def size_page(request: FhirRequest) -> FhirRequest:
        return request.replace(upstream_search=parse_search("name=x&_count=40"))

    async def refuse(_: FhirRequest) -> None:
        raise Failure(CIRCUIT_OPEN, retry_after=7)

    lines = await explain_search(
        fhir_request("Patient", "name=x"), PLANNING, Outlook(forecast_cache, size_page, (refuse,))
    )
    assert "cache: hit, 12 s old, for 48 s more." in lines
    assert "upstream: Patient?name=x&_count=40" in lines
    assert [line for line in lines if line.startswith("page: smaller than requested")]
    assert "cost: 0 upstream queries by the cache, else 1 upstream query per page" in lines
    (now,) = [line for line in lines if line.startswith("now: ")]
    assert "practice-circuit-open" in now
    assert now.endswith("Retry-After: 7 s.")


async def test_price_of_a_filtered_search_has_no_maximum_per_page() -> None:
    lines = await explain_search(fhir_request("Encounter", "date=ge2026-04-05"), PLANNING)
    assert "cost: 1 upstream query per page, and more while the filter leaves no match" in lines
