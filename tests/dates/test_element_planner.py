"""Plans for parsed values on one element."""

from support.date_facts import PROBED

from gateway.dates.element_planner import ParameterValues, plan_element
from gateway.dates.registry import date_parameter
from gateway.dates.timezones import load_zone
from gateway.dates.value import parse_date_value


def criterion(*texts: str, multi_valued: bool = False, is_direct: bool = True) -> ParameterValues:
    values = tuple((parse_date_value(text),) for text in texts)
    return ParameterValues("date", values, PROBED, load_zone("Australia/Brisbane"), multi_valued, is_direct)


def test_inexact_condition_outside_matches_is_rejected() -> None:
    parameter = date_parameter("Slot", "start")
    assert parameter is not None
    assert plan_element(criterion("2024", is_direct=False), parameter).exact
    problem = plan_element(criterion("2024-05-01T10:00:00.5", is_direct=False), parameter).problem
    assert problem is not None
    assert problem.kind == "not-supported"


def test_conditions_on_repeating_element_are_not_intersected() -> None:
    parameter = date_parameter("Slot", "start")
    assert parameter is not None
    assert plan_element(criterion("ge2025", "lt2024"), parameter).strategy == "empty"
    plan = plan_element(criterion("ge2025", "lt2024", multi_valued=True), parameter)
    assert (plan.strategy, plan.queries) == (
        "single",
        (("ge2025-01-01T00:00:00", "lt2024-01-01T00:00:00"),),
    )
    assert plan_element(criterion("gt9999", "lt2024", multi_valued=True), parameter).strategy == "empty"
