"""What is kept, for how long, and what never is."""

import pytest
from support.cache import PATIENT, Practice, run, searchset, status
from support.requests import json_response

from gateway.exchange import FhirResponse, Position
from gateway.fhir.bundle import insert_links


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient/1/_history", ""),
        ("Appointment/$find-free", "start=2026-07-01"),
        ("Patient", "birthdate=ap1980-01-01"),
        ("Patient", "_lastUpdated=ge2026-07-01"),
    ],
)
def test_what_must_be_asked_each_time_is(path: str, query: str) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset()
        await practice.get(path, query)
        assert status(await practice.get(path, query)) == "halo-gateway; fwd=bypass; fwd-status=200"
        assert len(practice.asked) == 2

    run(scene)


DOUBT = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}


@pytest.mark.parametrize(
    "answer",
    [
        json_response({"resourceType": "OperationOutcome"}),
        json_response(PATIENT, cache_control="no-store"),
        json_response(PATIENT, cache_control="private"),
        json_response(PATIENT, cache_control="max-age=0"),
        json_response(PATIENT, vary="*"),
        json_response(PATIENT, status=206),
        json_response({**PATIENT, "text": "x" * 9_000_000}),
        FhirResponse(200, (), b"<html>"),
    ],
)
def test_what_is_not_whole_or_not_ours_to_keep_is_not_kept(answer: FhirResponse) -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = answer
        assert "stored" not in status(await practice.get())
        await practice.get()
        assert len(practice.asked) == 2

    run(scene)


def test_a_searchset_that_doubts_itself_is_not_kept() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset(DOUBT, mode="outcome")
        assert "stored" not in status(await practice.get("Patient", "name=a"))

    run(scene)


def test_a_search_lives_as_long_as_the_shortest_lived_type_it_returned() -> None:
    async def scene() -> None:
        practice = Practice()
        practice.answer = searchset(PATIENT, {"resourceType": "Slot", "id": "1"})
        await practice.get("Patient", "name=a")
        assert status(await practice.get("Patient", "name=a")) == "halo-gateway; hit; ttl=5"

    run(scene)


def test_a_page_keeps_its_positions_and_what_was_ignored() -> None:
    async def scene() -> None:
        practice = Practice()
        pages = {"next": Position(1, "?token=2", needs_filter=True)}
        practice.answer = searchset(PATIENT).replace(
            page_positions=pages, ignored_parameters=frozenset({"x"}), applied_repairs=("link-base-url",)
        )
        first = await practice.get("Patient", "name=a")
        second = await practice.get("Patient", "name=a")
        assert (second.page_positions, second.ignored_parameters) == (pages, first.ignored_parameters)
        assert second.applied_repairs == ("link-base-url",)
        assert insert_links(second.body, ()) == first.with_encoded_body().body.replace(
            b'"Bundle"', b'"Bundle","link":[]'
        )

    run(scene)


def test_an_upstreams_own_etag_hides_no_type_from_the_lifetime() -> None:
    async def scene() -> None:
        practice = Practice()
        page = (
            searchset(PATIENT, {"resourceType": "Slot", "id": "1"})
            .with_header("etag", 'W/"7"')
            .with_parsed_bundle()
        )
        assert page.bundle is not None
        practice.answer = page.with_bundle(page.bundle.with_total(2))
        await practice.get("Patient", "name=a")
        assert status(await practice.get("Patient", "name=a")) == "halo-gateway; hit; ttl=5"

    run(scene)
