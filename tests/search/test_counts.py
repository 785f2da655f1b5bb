"""Counts: the upstream's own totals where they are exact, else all matches or a refusal."""

from collections.abc import Callable
from typing import Any

import pytest
from search.test_merge import BASE, entry, page, total
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.executor import SearchExecutor

pytestmark = pytest.mark.anyio

INSIDE = {"period": {"start": "2026-04-05T10:00:00+10:00", "end": "2026-04-05T11:00:00+10:00"}}
ACROSS = {"period": {"start": "2026-04-05T23:00:00+10:00", "end": "2026-04-06T01:00:00+10:00"}}


class Upstream:
    """Responds by a function of the query and records the queries."""

    def __init__(self, respond: Callable[[str], FhirResponse]) -> None:
        self.queries: list[str] = []
        self._respond = respond

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.queries.append(
            "&".join(filter(None, [request.upstream_search.query, request.upstream_search.form]))
        )
        return self._respond(self.queries[-1])


async def count(
    path: str, query: str, respond: Callable[[str], FhirResponse], *, max_queries: int = 5, **changes: Any
) -> tuple[int | None, list[str]]:
    upstream = Upstream(respond)
    request = rewrite_dates(fhir_request(path, query, **changes))
    response = await SearchExecutor(upstream, max_queries)(request)
    assert response.bundle is not None
    assert (response.bundle.entries, response.bundle.links) == ((), ())
    assert response.paging is not None
    assert response.paging.page_positions == {}
    return total(response), upstream.queries


async def refusal(
    path: str, query: str, respond: Callable[[str], FhirResponse], *, max_queries: int = 5
) -> tuple[str, str, int]:
    """Code and expression of the refusal, and the number of queries."""
    upstream = Upstream(respond)
    with pytest.raises(Failure) as raised:
        await SearchExecutor(upstream, max_queries)(rewrite_dates(fhir_request(path, query)))
    return raised.value.kind.code, raised.value.expression, len(upstream.queries)


@pytest.mark.parametrize("ask", ["_summary=count", "_count=0"])
@pytest.mark.parametrize(
    "self_url",
    [
        "",
        "https://h/Patient",
        "https://h/Patient?birthdate=ge1950-01-01T00%3A00%3A00&gender=male",
        "https://h/Patient?gender=male&birthdate=ge1950",
    ],
)
async def test_exact_total_of_the_upstream_costs_one_query(ask: str, self_url: str) -> None:
    counted = page([], total=37, self_url=self_url)
    found, queries = await count("Patient", f"birthdate=ge1950&gender=male&{ask}", lambda _: counted)
    assert (found, queries) == (37, [f"birthdate=ge1950-01-01&gender=male&{ask}"])


@pytest.mark.parametrize("query", ["name=a&_count=0", "birthdate=ge1950&_summary=count"])
async def test_next_link_of_a_count_is_not_followed(query: str) -> None:
    first = page([entry("1", type="Patient", birthDate="1960-01-01")], "/Patient?p=2", total=37)
    found, queries = await count("Patient", query, lambda _: first)
    assert (found, len(queries)) == (37, 1)


async def test_count_is_not_asked_for_without_total() -> None:
    found, queries = await count("Patient", "name=a&_count=0&_total=none", lambda _: page([], total=3))
    assert (found, queries) == (3, ["name=a&_count=0"])


async def test_upstream_without_totals_has_its_matches_counted() -> None:
    def respond(query: str) -> FhirResponse:
        return page([] if "_summary" in query else [entry("1"), entry("2")])

    found, queries = await count("Patient", "name=a&_summary=count&_include=*", respond)
    assert (found, queries) == (2, ["name=a&_summary=count&_include=*", "name=a&_count=200"])


async def test_partly_shown_search_has_its_matches_counted() -> None:
    def respond(query: str) -> FhirResponse:
        births = [] if "_summary" in query else ["1940-01-01", "1960-01-01"]
        entries = [entry(birth, type="Patient", birthDate=birth) for birth in births]
        return page(entries, total=2, self_url="https://h/Patient?gender=male")

    found, queries = await count("Patient", "birthdate=ge1950&gender=male&_summary=count", respond)
    assert (found, queries[1:]) == (1, ["birthdate=ge1950-01-01&gender=male&_count=200"])


async def test_excluded_match_in_a_count_has_the_others_counted() -> None:
    births = [entry(birth, type="Patient", birthDate=birth) for birth in ("1940-01-01", "1960-01-01")]
    first = page(births, total=2)
    found, queries = await count("Patient", "birthdate=ge1950&_summary=count", lambda _: first)
    assert (found, len(queries)) == (1, 2)


async def test_filtered_count_reads_all_pages_within_the_limit() -> None:
    def respond(query: str) -> FhirResponse:
        first = [entry("1", **INSIDE), entry("2", **ACROSS)]
        return page([entry("3", **INSIDE)], total=3) if "p=2" in query else page(first, "/Encounter?p=2", 3)

    form = "_summary=count"
    found, queries = await count(
        "Encounter/_search", "date=2026-04-05", respond, method="POST", form=form, body=form.encode()
    )
    assert found == 2
    assert queries == ["date=ge2026-04-05T00:00:00&date=lt2026-04-06T00:00:00&_count=200", "p=2"]


async def test_count_over_the_limit_is_refused_after_one_query() -> None:
    first = page([entry("1", **INSIDE)], "/Encounter?p=2", 7)
    result = await refusal("Encounter", "date=2026-04-05&_count=0", lambda _: first)
    assert result == ("search-too-broad", "http._summary", 1)


async def test_missing_total_of_a_part_has_matches_counted() -> None:
    def respond(query: str) -> FhirResponse:
        if "_summary" in query:
            return page([], total=2 if "lt" in query else None)
        start = "2026-04-01T10:00:00Z" if "lt" in query else "2026-04-09T10:00:00Z"
        return page([entry(start, type="Appointment", start=start)])

    assert await count("Appointment", "date=ne2026-04-05&_summary=count", lambda _: page([], total=2)) == (
        4,
        [
            "date=lt2026-04-05T00:00:00&_summary=count",
            "date=ge2026-04-06T00:00:00&_summary=count",
        ],
    )
    found, queries = await count("Appointment", "date=ne2026-04-05&_summary=count", respond)
    assert (found, len(queries)) == (2, 4)


@pytest.mark.parametrize(
    ("path", "query", "answer", "expected"),
    [
        # Neither total nor end: no number can be known.
        (
            "Patient",
            "name=a&_count=0",
            page([entry("1")], "/Patient?p=2"),
            ("search-too-broad", "http._summary", 2),
        ),
        (
            "Observation",
            "patient.birthdate=ge1950&status=final&_summary=count",
            page([], total=9, self_url="https://h/Observation?status=final"),
            ("upstream-ignored-filter", "http.patient.birthdate", 1),
        ),
        (
            "Patient",
            "name=a&gender=male&_summary=count",
            page([], total=9, self_url="https://h/Patient?gender=male&_summary=count"),
            ("upstream-ignored-filter", "http.name", 1),
        ),
    ],
)
async def test_unknown_number_is_refused(
    path: str, query: str, answer: FhirResponse, expected: tuple[str, str, int]
) -> None:
    assert await refusal(path, query, lambda _: answer) == expected


async def test_matches_that_the_upstream_withholds_are_not_zero() -> None:
    upstream = Upstream(lambda _: page([], total=9))
    request = rewrite_dates(fhir_request("Encounter", "date=2026-04-05&_count=0"))
    with pytest.raises(Failure):
        await SearchExecutor(upstream, 5)(request)
    assert len(upstream.queries) == 1


async def test_response_without_a_page_is_passed() -> None:
    accepted = FhirResponse(202)
    executor = SearchExecutor(Upstream(lambda _: accepted), 5)
    response = await executor(fhir_request("Patient", "name=a&_summary=count"))
    assert response.status == 202
    assert BASE.endswith("R4")
