"""Parts of a split search: each match in one of them."""

from dataclasses import replace
from typing import Any

import pytest
from support.requests import SITE, fhir_request

from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.parts import keeps_order, part_criteria

R4_PERIODS = DateSearchSupport(period_semantics="r4", supports_sa_eb=True)


def request_for(path: str, query: str, support: DateSearchSupport | None = None) -> FhirRequest:
    site = replace(SITE, date_support=support or DateSearchSupport())
    return rewrite_dates(fhir_request(path, query, site=site))


def places(request: FhirRequest, resource: dict[str, Any]) -> list[int]:
    """Parts to which a match belongs."""
    (criterion,) = part_criteria(request)
    parts = range(len(request.plan.split_searches or ()))
    return [part for part in parts if not criterion.excludes(part, resource)]


def test_search_in_one_part_has_no_part_criteria() -> None:
    assert part_criteria(request_for("Appointment", "date=2026-04-05&status=booked")) == ()
    assert part_criteria(fhir_request("Appointment")) == ()


def test_match_belongs_to_the_part_of_its_date() -> None:
    request = request_for("Appointment", "date=ne2026-04-05")
    assert places(request, {"start": "2026-04-04T10:00:00+11:00"}) == [0]
    assert places(request, {"start": "2026-04-06T10:00:00+10:00"}) == [1]


@pytest.mark.parametrize(("sort", "part"), [("date", 0), ("-date", 1)])
@pytest.mark.parametrize("stored", ["2024", "2024-07", "2024-06-30"])
def test_partial_date_belongs_to_the_part_of_its_start(stored: str, sort: str, part: int) -> None:
    request = request_for("Immunization", f"date=ne2024-07-02&_sort={sort}&patient=1")
    assert places(request, {"occurrenceDateTime": stored}) == [part]


def test_period_belongs_to_the_first_part_that_it_meets() -> None:
    request = request_for("Encounter", "date=ne2026-04-05", R4_PERIODS)
    across = {"period": {"start": "2026-04-01T00:00:00+11:00", "end": "2026-04-30T00:00:00+10:00"}}
    assert places(request, across) == [0]
    assert places(request, {"period": {"start": "2026-04-05T10:00:00+10:00"}}) == [1]


def test_conditions_are_times_of_the_column() -> None:
    support = DateSearchSupport(column_time_zones={("Appointment", "date"): load_zone("UTC")})
    request = request_for("Appointment", "date=ne2026-07-05", support)
    assert places(request, {"start": "2026-07-04T23:59:59+10:00"}) == [0]
    assert places(request, {"start": "2026-07-06T00:00:00+10:00"}) == [1]


def test_match_of_no_part_belongs_to_all() -> None:
    assert places(request_for("Appointment", "date=ne2026-04-05"), {}) == [0, 1]


def test_match_of_another_part_contradicts_this_one() -> None:
    (criterion,) = part_criteria(request_for("Patient", "birthdate=ne1980-02-03"))
    resources = {"birthDate": "1980-02-01"}, {"birthDate": "1981"}, {"birthDate": "1980-02-03"}, {}
    assert [criterion.is_contradicted(0, resource) for resource in resources] == [False, True, False, False]
    assert [criterion.is_contradicted(1, resource) for resource in resources] == [True, False, False, False]


def test_overlapping_parts_are_never_contradicted() -> None:
    request = request_for("Immunization", "date=ne2024-07-02&patient=1")
    (criterion,) = part_criteria(request)
    assert not criterion.is_contradicted(1, {"occurrenceDateTime": "2024-01-01"})


def test_dates_that_matches_do_not_contain_have_no_part_criteria() -> None:
    request = request_for("Observation", "patient.birthdate=ne1980-02-03")
    assert request.plan.split_searches is not None
    assert (len(request.plan.split_searches), part_criteria(request)) == (2, ())


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("Appointment", "date=ne2026-04-05", True),
        ("Immunization", "date=ne2024-07-02&patient=1", True),
        ("Encounter", "date=ne2026-04-05", False),
    ],
)
def test_only_points_keep_the_order_of_their_parts(path: str, query: str, expected: bool) -> None:
    (plan,) = request_for(path, query, R4_PERIODS).plan.date_plans
    assert keeps_order(plan) is expected
