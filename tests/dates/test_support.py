"""Date search support: defaults and configured support."""

from datetime import UTC, date

from gateway.dates.column_clock import ColumnClock
from gateway.dates.registry import date_parameter, declared_parameter
from gateway.dates.support import MAY_BE_PARTIAL, DateSearchSupport
from gateway.dates.timezones import load_zone

PERTH, SYDNEY = load_zone("Australia/Perth"), load_zone("Australia/Sydney")


def test_defaults_are_safe() -> None:
    support = DateSearchSupport()
    assert (
        support.supports_repeated_parameter,
        support.supports_comma_or,
        support.supports_sa_eb,
        support.period_semantics,
        support.max_split_queries,
        support.earliest_date,
    ) == (
        *(True, False, False, "unknown", 4),
        date(1753, 1, 1),
    )


def clock_of(support: DateSearchSupport, resource: str, code: str) -> ColumnClock:
    parameter = date_parameter(resource, code)
    assert parameter is not None
    return support.column_clock(parameter, PERTH)


def test_unknown_clock_is_that_of_the_site_or_utc() -> None:
    support = DateSearchSupport()
    assert clock_of(support, "Slot", "start") == ColumnClock((PERTH, UTC))
    assert clock_of(support, "Slot", "_lastUpdated") == ColumnClock((PERTH, UTC), "unknown")
    assert clock_of(support, "Patient", "birthdate") == ColumnClock((PERTH,))


def test_most_specific_entry_of_a_clock_applies() -> None:
    support = DateSearchSupport(
        column_time_zones={("*", "*"): SYDNEY, ("Slot", "*"): "site", ("*", "start"): UTC},
        label_meanings={"*": "digits", "Slot": "exact"},
    )
    assert clock_of(support, "Slot", "start") == ColumnClock((UTC,))
    assert clock_of(support, "Slot", "_lastUpdated") == ColumnClock((PERTH,))
    assert clock_of(support, "Patient", "_lastUpdated") == ColumnClock((SYDNEY,), "digits")


def precision_of(support: DateSearchSupport, resource: str, code: str) -> tuple[str | None, bool]:
    parameter = date_parameter(resource, code)
    assert parameter is not None
    return support.precision_of(parameter), support.precision_unknown(parameter)


def test_unknown_precision_may_be_a_day() -> None:
    support = DateSearchSupport()
    assert precision_of(support, "AllergyIntolerance", "date") == ("mixed-day", True)
    assert precision_of(support, "Encounter", "date") == ("mixed-day", True)
    assert precision_of(support, "Immunization", "date") == ("mixed-year", True)
    assert precision_of(support, "Slot", "start") == (None, False)
    assert precision_of(support, "Patient", "birthdate") == (None, False)


def test_precision_of_all_parameters_leaves_partial_dates_and_choices_open() -> None:
    support = DateSearchSupport(date_precision={("*", "*"): "second"})
    assert precision_of(support, "Encounter", "date") == ("second", False)
    assert precision_of(support, "Immunization", "date") == ("mixed-year", True)
    observed = date_parameter("Observation", "date")
    assert observed is not None
    assert not support.has_points(observed)


def test_precision_makes_choice_a_point_but_no_period() -> None:
    support = DateSearchSupport(date_precision={("*", "date"): "second"})
    rows = (("Observation", "date"), ("Encounter", "date"), ("Slot", "start"))
    parameters = [date_parameter(*row) for row in rows]
    assert [parameter and support.has_points(parameter) for parameter in parameters] == [True, False, True]
    assert not DateSearchSupport().has_points(declared_parameter("Observation", "date"))
    assert support.has_points(declared_parameter("Observation", "date"))


def test_elements_that_may_be_partial_are_date_parameters() -> None:
    assert all(date_parameter(*row) for row in MAY_BE_PARTIAL)
