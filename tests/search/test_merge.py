"""Merging, filtering and totals of upstream pages."""

from collections.abc import Sequence
from typing import Any

import pytest
from support.requests import fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Paging, Position
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.merge import MergedSearch

BASE = fhir_request().public_base
SPLIT_REQUEST = rewrite_dates(fhir_request("Appointment", "date=ne2026-04-05&status=booked"))
FILTERED_REQUEST = rewrite_dates(fhir_request("Encounter", "date=2026-04-05"))


def entry(identifier: str, mode: str = "match", **resource: Any) -> dict[str, Any]:
    resource_type = resource.pop("type", "Encounter")
    content = {"resourceType": resource_type, "id": identifier, **resource}
    return {"fullUrl": f"{BASE}/{resource_type}/{identifier}", "resource": content, "search": {"mode": mode}}


def page(
    entries: Sequence[dict[str, Any]], next_path: str = "", total: int | None = None, self_url: str = ""
) -> FhirResponse:
    links = [{"relation": "self", "url": self_url}] if self_url else []
    links += [{"relation": "next", "url": BASE + next_path}] if next_path else []
    body: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": list(entries),
    }
    return json_response(body if total is None else body | {"total": total})


def ids(response: FhirResponse) -> list[str]:
    assert response.bundle is not None
    return [item.full_url.removeprefix(f"{BASE}/") for item in response.bundle.entries]


def total(response: FhirResponse) -> int | None:
    assert response.bundle is not None
    return response.bundle.total


def test_parts_are_read_in_order_and_totals_are_added() -> None:
    first = MergedSearch(SPLIT_REQUEST).add_page(START, page([], total=0))
    assert first.next_position == Position(1)
    assert not first.is_complete
    both = first.add_page(Position(1), page([entry("1")], total=1))
    assert both.next_position is None
    assert (ids(both.merged_response()), total(both.merged_response())) == (["Encounter/1"], 1)


def test_unknown_total_is_omitted() -> None:
    merged = MergedSearch(SPLIT_REQUEST).add_page(START, page([entry("1")], total=1))
    assert total(merged.merged_response()) is None
    assert merged.merged_response().paging == Paging({"first": START, "next": Position(1)})


def test_filtered_match_is_removed_with_its_includes() -> None:
    inside = {"period": {"start": "2026-04-05T10:00:00+10:00", "end": "2026-04-05T11:00:00+10:00"}}
    across = {"period": {"start": "2026-04-05T23:00:00+10:00", "end": "2026-04-06T01:00:00+10:00"}}
    merged = MergedSearch(FILTERED_REQUEST).add_page(
        START,
        page(
            [
                entry("1", **inside, subject={"reference": "Patient/1"}),
                entry("2", **across, subject={"reference": "Patient/2"}),
                entry("1", "include", type="Patient"),
                entry("2", "include", type="Patient"),
                {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
            ],
            total=2,
        ),
    )
    assert ids(merged.merged_response()) == ["Encounter/1", "Patient/1", ""]
    assert total(merged.merged_response()) == 1


def test_filtered_page_before_the_last_has_no_total() -> None:
    merged = MergedSearch(FILTERED_REQUEST).add_page(START, page([], "/Encounter?token=2", total=40))
    assert (total(merged.merged_response()), merged.is_complete) == (None, False)


@pytest.mark.parametrize(
    ("self_url", "ignored"),
    [
        ("https://h/Appointment?status=booked", True),
        ("https://h/Appointment?status=booked&date=ge2026-04-01T00:00:00", True),
        (
            "https://h/Appointment?status=booked&date=ge2026-04-01T00:00:00&date=lt2026-05-01T00%3A00%3A00",
            False,
        ),
        ("https://h/Appointment?_token=opaque", False),
        ("", False),
    ],
)
def test_criterion_missing_in_self_link_is_filtered(self_url: str, ignored: bool) -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=2026-04&status=booked"))
    entries = [
        entry("1", type="Appointment", start="2026-04-05T10:00:00Z"),
        entry("2", type="Appointment", start="2027-01-01T00:00:00Z"),
    ][: 2 if ignored else 1]
    merged = MergedSearch(request).add_page(
        START, page(entries, "/Appointment?t=2", total=2, self_url=self_url)
    )
    assert ids(merged.merged_response()) == ["Appointment/1"]
    assert total(merged.merged_response()) == (None if ignored else 2)
    assert merged.next_position == Position(0, "/Appointment?t=2", needs_filter=ignored)


@pytest.mark.parametrize(
    "query", ["patient.birthdate=ge1980-01-01&_elements=id", "date=ge2026-04-01T00:00:00&_elements=id"]
)
def test_ignored_criterion_that_cannot_be_checked_is_a_failure(query: str) -> None:
    request = rewrite_dates(fhir_request("Appointment", query))
    with pytest.raises(Failure) as raised:
        MergedSearch(request).add_page(
            START, page([entry("1")], self_url="https://h/Appointment?_elements=id")
        )
    assert raised.value.kind.code == "upstream-ignored-filter"


def test_ignored_parameter_is_named_in_the_response() -> None:
    request = fhir_request("Patient", "name=a&colour=red")
    merged = MergedSearch(request).add_page(START, page([], self_url="https://h/Patient?name=a"))
    assert merged.merged_response().ignored_parameters == {"colour"}


@pytest.mark.parametrize("status", [202, 304])
def test_response_without_a_searchset_is_unchanged(status: int) -> None:
    upstream = FhirResponse(status)
    merged = MergedSearch(fhir_request("Patient", "name=x")).add_page(START, upstream)
    assert merged.merged_response() is upstream


def test_signed_searchset_has_its_bytes_unchanged() -> None:
    signed = FhirResponse(200, body=b'{"resourceType":"Bundle", "signature":{}, "entry":[]}')
    merged = MergedSearch(fhir_request("Patient", "name=a")).add_page(START, signed)
    assert merged.merged_response().with_encoded_body().body == signed.body


def request_with_overlapping_parts() -> FhirRequest:
    from dataclasses import replace

    from support.requests import SITE

    from gateway.dates.support import DateSearchSupport

    site = replace(SITE, date_support=DateSearchSupport(period_semantics="r4", supports_sa_eb=True))
    return rewrite_dates(fhir_request("Encounter", "date=ne2026-04-05", site=site))


def test_match_of_overlapping_parts_is_returned_once() -> None:
    request = request_with_overlapping_parts()
    assert request.plan.split_searches is not None
    long = entry("1", period={"start": "2026-04-01T00:00:00+11:00", "end": "2026-04-30T00:00:00+10:00"})
    late = entry("2", period={"start": "2026-05-01T00:00:00+10:00", "end": "2026-05-02T00:00:00+10:00"})
    merged = MergedSearch(request).add_page(START, page([long], total=1))
    merged = merged.add_page(Position(1), page([long, late], total=2))
    assert len(request.plan.split_searches) == 2
    assert ids(merged.merged_response()) == ["Encounter/1", "Encounter/2"]
    assert total(merged.merged_response()) == 2
