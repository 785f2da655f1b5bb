"""Plans for parsed values on one element."""

from gateway.dates.element_planner import Asked, planned
from gateway.dates.registry import date_parameter
from gateway.dates.support import DateFacts
from gateway.dates.timezones import zone
from gateway.dates.value import parse_date_value


def asked(*texts: str, multi: bool = False, direct: bool = True) -> Asked:
    values = tuple((parse_date_value(text),) for text in texts)
    return Asked("date", values, DateFacts(), zone("Australia/Brisbane"), multi, direct)


def test_what_is_not_among_the_matches_must_be_exact() -> None:
    parameter = date_parameter("Slot", "start")
    assert parameter is not None
    assert planned(asked("2024", direct=False), parameter).exact
    problem = planned(asked("2024-05-01T10:00:00.5", direct=False), parameter).problem
    assert problem is not None
    assert problem.kind == "not-supported"


def test_repetitions_are_never_intersected() -> None:
    parameter = date_parameter("Slot", "start")
    assert parameter is not None
    assert planned(asked("ge2025", "lt2024"), parameter).strategy == "empty"
    apart = planned(asked("ge2025", "lt2024", multi=True), parameter)
    assert (apart.strategy, apart.queries) == (
        "single",
        (("ge2025-01-01T00:00:00", "lt2024-01-01T00:00:00"),),
    )
    assert planned(asked("gt9999", "lt2024", multi=True), parameter).strategy == "empty"
