from collections.abc import Sequence
from typing import Any

import pytest
from support.requests import fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Position
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.merge import MergedSearch

BASE = fhir_request().public_base
TWO = rewrite_dates(fhir_request("Appointment", "date=ne2026-04-05&status=booked"))
FILTERED = rewrite_dates(fhir_request("Encounter", "date=2026-04-05"))


def entry(identifier: str, mode: str = "match", **resource: Any) -> dict[str, Any]:
    kind = resource.pop("type", "Encounter")
    content = {"resourceType": kind, "id": identifier, **resource}
    return {"fullUrl": f"{BASE}/{kind}/{identifier}", "resource": content, "search": {"mode": mode}}


def page(
    entries: Sequence[dict[str, Any]], following: str = "", total: int | None = None, own: str = ""
) -> FhirResponse:
    links = [{"relation": "self", "url": own}] if own else []
    links += [{"relation": "next", "url": BASE + following}] if following else []
    body: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": list(entries),
    }
    return json_response(body if total is None else body | {"total": total})


def ids(response: FhirResponse) -> list[str]:
    assert response.bundle is not None
    return [each.full_url.removeprefix(f"{BASE}/") for each in response.bundle.entries]


def total(response: FhirResponse) -> int | None:
    assert response.bundle is not None
    return response.bundle.total


def test_parts_follow_each_other_and_totals_add_up_when_all_were_read() -> None:
    first = MergedSearch(TWO).add_page(START, page([], total=0))
    assert first.next_position == Position(1)
    assert not first.is_complete
    both = first.add_page(Position(1), page([entry("1")], total=1))
    assert (ids(both.merged_response()), total(both.merged_response()), both.next_position) == (
        ["Encounter/1"],
        1,
        None,
    )


def test_a_total_that_is_not_known_is_left_out() -> None:
    read = MergedSearch(TWO).add_page(START, page([entry("1")], total=1))
    assert total(read.merged_response()) is None
    assert read.merged_response().page_positions == {"first": START, "next": Position(1)}


def test_matches_are_filtered_by_the_original_condition_and_includes_go_with_them() -> None:
    inside = {"period": {"start": "2026-04-05T10:00:00+10:00", "end": "2026-04-05T11:00:00+10:00"}}
    across = {"period": {"start": "2026-04-05T23:00:00+10:00", "end": "2026-04-06T01:00:00+10:00"}}
    read = MergedSearch(FILTERED).add_page(
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
    assert ids(read.merged_response()) == ["Encounter/1", "Patient/1", ""]
    assert total(read.merged_response()) == 1


def test_a_filtered_page_that_is_not_the_last_has_no_total() -> None:
    read = MergedSearch(FILTERED).add_page(START, page([], "/Encounter?token=2", total=40))
    assert (total(read.merged_response()), read.is_complete) == (None, False)


@pytest.mark.parametrize(
    ("own", "dropped"),
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
def test_a_dropped_criterion_is_found_in_the_self_link_and_made_good(own: str, dropped: bool) -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=2026-04&status=booked"))
    entries = [
        entry("1", type="Appointment", start="2026-04-05T10:00:00Z"),
        entry("2", type="Appointment", start="2027-01-01T00:00:00Z"),
    ][: 2 if dropped else 1]
    read = MergedSearch(request).add_page(START, page(entries, "/Appointment?t=2", total=2, own=own))
    assert ids(read.merged_response()) == ["Appointment/1"]
    assert total(read.merged_response()) == (None if dropped else 2)
    assert read.next_position == Position(0, "/Appointment?t=2", needs_filter=dropped)


@pytest.mark.parametrize(
    "query", ["patient.birthdate=ge1980-01-01", "date=ge2026-04-01T00:00:00&_elements=id"]
)
def test_a_dropped_criterion_that_cannot_be_checked_is_a_failure(query: str) -> None:
    request = rewrite_dates(fhir_request("Appointment", query))
    with pytest.raises(Failure) as refused:
        MergedSearch(request).add_page(START, page([entry("1")], own="https://h/Appointment?"))
    assert refused.value.kind.code == "upstream-ignored-filter"


def test_an_ignored_parameter_is_named_so_that_self_can_leave_it_out() -> None:
    request = fhir_request("Patient", "name=a&colour=red")
    read = MergedSearch(request).add_page(START, page([], own="https://h/Patient?name=a"))
    assert read.merged_response().ignored_parameters == {"colour"}


@pytest.mark.parametrize("status", [202, 304])
def test_an_answer_that_is_no_searchset_is_made_none(status: int) -> None:
    answer = FhirResponse(status)
    assert MergedSearch(fhir_request("Patient", "name=x")).add_page(START, answer).merged_response() is answer


def test_a_signed_searchset_keeps_its_very_bytes() -> None:
    signed = FhirResponse(200, body=b'{"resourceType":"Bundle", "signature":{}, "entry":[]}')
    read = MergedSearch(fhir_request("Patient", "name=a")).add_page(START, signed)
    assert read.merged_response().with_encoded_body().body == signed.body


def overlapping() -> FhirRequest:
    from dataclasses import replace

    from support.requests import SITE

    from gateway.dates.support import DateSearchSupport

    site = replace(SITE, date_support=DateSearchSupport(period_semantics="r4", supports_sa_eb=True))
    return rewrite_dates(fhir_request("Encounter", "date=ne2026-04-05", site=site))


def test_overlapping_parts_give_each_match_once() -> None:
    request = overlapping()
    assert request.split_searches is not None
    long = entry("1", period={"start": "2026-04-01T00:00:00+11:00", "end": "2026-04-30T00:00:00+10:00"})
    late = entry("2", period={"start": "2026-05-01T00:00:00+10:00", "end": "2026-05-02T00:00:00+10:00"})
    read = MergedSearch(request).add_page(START, page([long], total=1))
    read = read.add_page(Position(1), page([long, late], total=2))
    assert len(request.split_searches) == 2
    assert ids(read.merged_response()) == ["Encounter/1", "Encounter/2"]
    assert total(read.merged_response()) == 2
