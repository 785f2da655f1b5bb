"""Plans for parsed values on one element."""

from gateway.dates.element_planner import ParameterValues, plan_element
from gateway.dates.registry import date_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone
from gateway.dates.value import parse_date_value


def asked(*texts: str, multi: bool = False, direct: bool = True) -> ParameterValues:
    values = tuple((parse_date_value(text),) for text in texts)
    return ParameterValues(
        "date", values, DateSearchSupport(), load_zone("Australia/Brisbane"), multi, direct
    )


def test_what_is_not_among_the_matches_must_be_exact() -> None:
    parameter = date_parameter("Slot", "start")
    assert parameter is not None
    assert plan_element(asked("2024", direct=False), parameter).exact
    problem = plan_element(asked("2024-05-01T10:00:00.5", direct=False), parameter).problem
    assert problem is not None
    assert problem.kind == "not-supported"


def test_repetitions_are_never_intersected() -> None:
    parameter = date_parameter("Slot", "start")
    assert parameter is not None
    assert plan_element(asked("ge2025", "lt2024"), parameter).strategy == "empty"
    apart = plan_element(asked("ge2025", "lt2024", multi=True), parameter)
    assert (apart.strategy, apart.queries) == (
        "single",
        (("ge2025-01-01T00:00:00", "lt2024-01-01T00:00:00"),),
    )
    assert plan_element(asked("gt9999", "lt2024", multi=True), parameter).strategy == "empty"
