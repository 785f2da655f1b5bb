"""What is assumed of an upstream until it was probed."""

from datetime import UTC, date

from gateway.dates.registry import date_parameter, declared
from gateway.dates.support import PARTIAL, DateFacts
from gateway.dates.timezones import zone

PERTH = zone("Australia/Perth")


def test_the_defaults_are_cautious() -> None:
    facts = DateFacts()
    assert (facts.repeats, facts.comma, facts.sa_eb, facts.period, facts.max_splits, facts.floor) == (
        *(True, False, False, "unknown", 4),
        date(1753, 1, 1),
    )


def test_a_fact_holds_for_one_type_or_for_all() -> None:
    slot, patient = date_parameter("Slot", "_lastUpdated"), date_parameter("Patient", "_lastUpdated")
    assert slot is not None
    assert patient is not None
    facts = DateFacts(columns={("Slot", "_lastUpdated"): PERTH, ("*", "_lastUpdated"): UTC})
    assert (facts.column(slot, UTC), facts.column(patient, PERTH)) == (PERTH, UTC)
    assert DateFacts().column(slot, PERTH) is PERTH


def test_a_precision_makes_points_of_a_choice_but_not_of_a_period() -> None:
    facts = DateFacts(precision={("*", "date"): "second"})
    kinds = {
        row: date_parameter(*row)
        for row in (("Observation", "date"), ("Encounter", "date"), ("Slot", "start"))
    }
    assert [found is not None and facts.has_points(found) for found in kinds.values()] == [True, False, True]
    assert not DateFacts().has_points(declared("Observation", "date"))
    assert facts.has_points(declared("Observation", "date"))


def test_every_element_that_may_be_partial_is_a_date_parameter() -> None:
    assert all(date_parameter(*row) for row in PARTIAL)
