"""Date search support: defaults and configured support."""

from datetime import UTC, date

from gateway.dates.registry import date_parameter, declared_parameter
from gateway.dates.support import MAY_BE_PARTIAL, DateSearchSupport
from gateway.dates.timezones import load_zone

PERTH = load_zone("Australia/Perth")


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


def test_entry_of_type_precedes_entry_of_all_types() -> None:
    slot, patient = date_parameter("Slot", "_lastUpdated"), date_parameter("Patient", "_lastUpdated")
    assert slot is not None
    assert patient is not None
    support = DateSearchSupport(
        column_time_zones={("Slot", "_lastUpdated"): PERTH, ("*", "_lastUpdated"): UTC}
    )
    assert (support.column_zone(slot, UTC), support.column_zone(patient, PERTH)) == (PERTH, UTC)
    assert DateSearchSupport().column_zone(slot, PERTH) is PERTH


def test_precision_makes_choice_a_point_but_no_period() -> None:
    support = DateSearchSupport(date_precision={("*", "date"): "second"})
    rows = (("Observation", "date"), ("Encounter", "date"), ("Slot", "start"))
    parameters = [date_parameter(*row) for row in rows]
    assert [parameter and support.has_points(parameter) for parameter in parameters] == [True, False, True]
    assert not DateSearchSupport().has_points(declared_parameter("Observation", "date"))
    assert support.has_points(declared_parameter("Observation", "date"))


def test_elements_that_may_be_partial_are_date_parameters() -> None:
    assert all(date_parameter(*row) for row in MAY_BE_PARTIAL)
