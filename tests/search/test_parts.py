"""Parts of a split search: each match in one of them."""

from dataclasses import replace
from typing import Any

import pytest
from support.requests import SITE, fhir_request

from gateway.dates.registry import date_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.parts import PartCriterion, keeps_order, part_criteria

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


def test_conditions_are_times_of_the_column() -> None:
    support = DateSearchSupport(column_time_zones={("Appointment", "date"): load_zone("UTC")})
    request = request_for("Appointment", "date=ne2026-07-05", support)
    assert places(request, {"start": "2026-07-04T23:59:59+10:00"}) == [0]
    assert places(request, {"start": "2026-07-06T00:00:00+10:00"}) == [1]


def test_match_of_no_part_belongs_to_all() -> None:
    assert places(request_for("Appointment", "date=ne2026-04-05"), {}) == [0, 1]


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


def test_conditions_joined_by_comma_are_alternatives() -> None:
    parameter = date_parameter("Appointment", "date")
    assert parameter is not None
    conditions = (("lt2020-01-01,ge2030-01-01",), ("ge2020-01-01", "lt2030-01-01"))
    criterion = PartCriterion(parameter, SITE.zone, conditions, by_start=True)
    shown = [{"start": f"{year}-06-01T10:00:00+10:00"} for year in (2019, 2024, 2031)]
    assert [criterion.excludes(0, resource) for resource in shown] == [False, True, False]
    assert [criterion.excludes(1, resource) for resource in shown] == [True, False, True]
