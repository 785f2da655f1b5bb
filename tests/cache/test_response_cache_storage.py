"""Responses that the response cache stores, for how long, and responses that it never stores."""

import pytest
from support.cache import PATIENT, Practice, searchset, status
from support.requests import json_response

from gateway.exchange import FhirResponse, Paging, Position
from gateway.fhir.bundle import insert_links

pytestmark = pytest.mark.anyio

SLOT = {"resourceType": "Slot", "id": "1"}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient/1/_history", ""),
        ("Appointment/$find-free", "start=2026-07-01"),
        ("Patient", "birthdate=ap1980-01-01"),
        ("Patient", "_lastUpdated=ge2026-07-01"),
    ],
)
async def test_uncacheable_request_is_forwarded_each_time(path: str, query: str) -> None:
    practice = Practice()
    practice.response = searchset()
    await practice.get(path, query)
    assert status(await practice.get(path, query)) == "halo-gateway; fwd=bypass; fwd-status=200"
    assert len(practice.upstream_requests) == 2


@pytest.mark.parametrize(
    "response",
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
async def test_incomplete_or_forbidden_response_is_not_stored(response: FhirResponse) -> None:
    practice = Practice()
    practice.response = response
    assert "stored" not in status(await practice.get())
    await practice.get()
    assert len(practice.upstream_requests) == 2


async def test_searchset_with_warning_is_not_stored() -> None:
    practice = Practice()
    practice.response = searchset(WARNING, mode="outcome")
    assert "stored" not in status(await practice.get("Patient", "name=a"))


async def test_searchset_has_shortest_lifetime_of_returned_types() -> None:
    practice = Practice()
    practice.response = searchset(PATIENT, SLOT)
    await practice.get("Patient", "name=a")
    assert status(await practice.get("Patient", "name=a")) == "halo-gateway; hit; ttl=5"


async def test_page_hit_has_positions_and_ignored_parameters() -> None:
    practice = Practice()
    positions = {"next": Position(1, "?token=2", needs_filter=True)}
    practice.response = searchset(PATIENT).replace(
        paging=Paging(positions), ignored_parameters=frozenset({"x"}), applied_repairs=("link-base-url",)
    )
    first = await practice.get("Patient", "name=a")
    second = await practice.get("Patient", "name=a")
    assert second.paging == Paging(positions, links_omitted=True)
    assert second.ignored_parameters == first.ignored_parameters
    assert second.applied_repairs == ("link-base-url",)
    assert insert_links(second.body, ()) == first.with_encoded_body().body.replace(
        b'"Bundle"', b'"Bundle","link":[]'
    )


async def test_searchset_with_upstream_etag_has_shortest_lifetime() -> None:
    practice = Practice()
    page = searchset(PATIENT, SLOT).with_header("etag", 'W/"7"').with_parsed_bundle()
    assert page.bundle is not None
    practice.response = page.with_bundle(page.bundle.with_total(2))
    await practice.get("Patient", "name=a")
    assert status(await practice.get("Patient", "name=a")) == "halo-gateway; hit; ttl=5"
