"""What is assumed of an upstream until it was probed."""

from datetime import UTC, date

from gateway.dates.registry import date_parameter, declared_parameter
from gateway.dates.support import MAY_BE_PARTIAL, DateSearchSupport
from gateway.dates.timezones import load_zone

PERTH = load_zone("Australia/Perth")


def test_the_defaults_are_cautious() -> None:
    facts = DateSearchSupport()
    assert (
        facts.supports_repeated_parameter,
        facts.supports_comma_or,
        facts.supports_sa_eb,
        facts.period_semantics,
        facts.max_split_queries,
        facts.earliest_date,
    ) == (
        *(True, False, False, "unknown", 4),
        date(1753, 1, 1),
    )


def test_a_fact_holds_for_one_type_or_for_all() -> None:
    slot, patient = date_parameter("Slot", "_lastUpdated"), date_parameter("Patient", "_lastUpdated")
    assert slot is not None
    assert patient is not None
    facts = DateSearchSupport(column_time_zones={("Slot", "_lastUpdated"): PERTH, ("*", "_lastUpdated"): UTC})
    assert (facts.column_zone(slot, UTC), facts.column_zone(patient, PERTH)) == (PERTH, UTC)
    assert DateSearchSupport().column_zone(slot, PERTH) is PERTH


def test_a_precision_makes_points_of_a_choice_but_not_of_a_period() -> None:
    facts = DateSearchSupport(date_precision={("*", "date"): "second"})
    kinds = {
        row: date_parameter(*row)
        for row in (("Observation", "date"), ("Encounter", "date"), ("Slot", "start"))
    }
    assert [found is not None and facts.has_points(found) for found in kinds.values()] == [True, False, True]
    assert not DateSearchSupport().has_points(declared_parameter("Observation", "date"))
    assert facts.has_points(declared_parameter("Observation", "date"))


def test_every_element_that_may_be_partial_is_a_date_parameter() -> None:
    assert all(date_parameter(*row) for row in MAY_BE_PARTIAL)
