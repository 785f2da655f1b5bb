from pathlib import Path

import pytest

from gateway.cache.lifetimes import LIFETIMES, Lifetime, lifetime_of_type, lifetimes_table
from gateway.fhir.resource_types import RESOURCE_TYPES


@pytest.mark.parametrize("group", LIFETIMES, ids=lambda each: each.group)
def test_no_profile_is_over_the_bound_and_every_row_has_a_reason(group: Lifetime) -> None:
    assert group.seconds_in_profile("off") == 0
    assert 0 <= group.cautious <= group.balanced <= group.max_seconds
    assert group.reason.endswith(".")


def test_each_type_is_in_one_row_and_is_a_type_of_r4() -> None:
    named = [each for group in LIFETIMES[:-1] for each in group.types]
    assert len(named) == len(set(named))
    assert set(named) <= RESOURCE_TYPES
    assert LIFETIMES[-1].types == ("*",)


@pytest.mark.parametrize(
    ("type_", "balanced"), [("Slot", 5), ("Appointment", 5), ("Schedule", 5), ("Patient", 60), ("Basic", 30)]
)
def test_what_the_brief_says_of_types_holds(type_: str, balanced: int) -> None:
    assert lifetime_of_type(type_).seconds_in_profile("balanced") == balanced


def test_the_page_shows_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "cache.md"
    assert lifetimes_table() in page.read_text()
