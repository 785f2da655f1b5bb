"""Ages that apps accept: ceilings by type, purposes, and the site's own lifetimes."""

from pathlib import Path

import pytest

from gateway.apps.app import App, Purpose
from gateway.cache.accepted_ages import (
    CEILINGS,
    accepted_age,
    ceiling_of_type,
    ceilings_table,
    excessive_ages,
    longest_accepted_age,
)
from gateway.cache.freshness import Freshness
from gateway.cache.lifetimes import LIFETIMES, lifetime_of_type

BOARD = App("board", "display")


@pytest.mark.parametrize(
    ("types", "age"),
    [
        (("Appointment",), 30),
        (("Schedule",), 30),
        (("AppointmentResponse",), 30),
        (("Appointment", "Patient", "Practitioner"), 30),
        (("Slot",), 5),
        (("Appointment", "Slot"), 5),
        (("Practitioner",), 900),
        (("AllergyIntolerance",), 30),
        (("Appointment", "AllergyIntolerance"), 30),
        (("Appointment", "*"), 5),
        (("*",), 5),
        ((), 0),
    ],
)
def test_display_accepts_the_ceiling_of_all_types(types: tuple[str, ...], age: int) -> None:
    assert accepted_age(BOARD, types, Freshness()) == age


@pytest.mark.parametrize("purpose", ["booking", "clinical", "sync"])
def test_other_purposes_accept_nothing_older(purpose: Purpose) -> None:
    assert accepted_age(App("kiosk", purpose, {"Appointment": 30}), ("Appointment",), Freshness()) is None


def test_interactive_app_accepts_what_its_freshness_says() -> None:
    assert accepted_age(App("panel"), ("Appointment",), Freshness()) == 5
    assert accepted_age(App("panel", "interactive", {"Appointment": 20}), ("Appointment",), Freshness()) == 20
    assert accepted_age(App("board", "display", {"Appointment": 10}), ("Appointment",), Freshness()) == 10
    assert accepted_age(App("board", "display", {"Appointment": 2}), ("Appointment",), Freshness()) == 2
    assert accepted_age(App("panel", "interactive", {"Slot": 0}), ("Slot", "Patient"), Freshness()) == 0
    assert accepted_age(None, ("Slot",), Freshness()) is None


@pytest.mark.parametrize("type_", ["Appointment", "Slot", "Patient", "AllergyIntolerance", "Unheard"])
def test_no_freshness_exceeds_the_ceiling(type_: str) -> None:
    app = App("board", "display", {type_: 10_000})
    lifetime = Freshness().lifetime((type_,))
    assert accepted_age(app, (type_,), Freshness()) == max(lifetime, ceiling_of_type(type_) or 0)


@pytest.mark.parametrize(
    ("freshness", "age"),
    [
        (Freshness(lifetimes={"Appointment": 2}), 2),
        (Freshness(lifetimes={"*": 3}), 3),
        (Freshness("cautious"), 0),
        (Freshness("off"), 0),
        (Freshness(lifetimes={"Patient": 1}), 30),
    ],
)
def test_shorter_lifetime_of_a_site_stands(freshness: Freshness, age: int) -> None:
    assert accepted_age(BOARD, ("Appointment",), freshness) == age


def test_longest_age_is_that_of_any_app() -> None:
    apps = (App("kiosk", "booking"), App("panel", "interactive", {"Appointment": 20}))
    assert longest_accepted_age(apps, iter(("Appointment",)), Freshness()) == 20
    assert longest_accepted_age((), ("Appointment",), Freshness()) == 0


def test_clinical_types_have_no_ceiling_above_their_lifetime() -> None:
    clinical = {
        *("AllergyIntolerance", "MedicationRequest", "MedicationStatement", "Medication", "Condition"),
        *("Observation", "Immunization", "DocumentReference", "Patient", "DiagnosticReport"),
    }
    assert {ceiling_of_type(type_) for type_ in clinical} == {None}
    raised = {type_ for row in CEILINGS if row.seconds is not None for type_ in row.types}
    assert raised == {"Appointment", "AppointmentResponse", "Schedule", "Slot"}
    assert all(lifetime_of_type(type_).group == "diary" for type_ in raised)


def test_table_has_every_type_and_a_reason() -> None:
    types = [type_ for row in CEILINGS for type_ in row.types]
    assert len(types) == len(set(types))
    assert {type_ for row in LIFETIMES for type_ in row.types} <= set(types)
    assert all(row.reason in ceilings_table() for row in CEILINGS)


def test_excessive_age_names_its_ceiling() -> None:
    assert excessive_ages({"Appointment": 30, "Slot": 6, "Observation": 1, "*": 1}) == [
        "Slot: at most 5 seconds",
        "Observation: never older than its lifetime",
        "*: never older than its lifetime",
    ]


def test_page_has_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "apps.md"
    assert ceilings_table() in page.read_text(encoding="utf-8")
