"""Table of lifetimes per resource type."""

from pathlib import Path

import pytest

from gateway.cache.lifetimes import LIFETIMES, Lifetime, lifetime_of_type, lifetimes_table
from gateway.fhir.resource_types import RESOURCE_TYPES


@pytest.mark.parametrize("row", LIFETIMES, ids=lambda row: row.group)
def test_row_has_profiles_within_limit_and_reason(row: Lifetime) -> None:
    assert row.seconds_in_profile("off") == 0
    assert 0 <= row.cautious <= row.balanced <= row.max_seconds
    assert row.reason.endswith(".")


def test_rows_list_r4_types_without_duplicates() -> None:
    types = [type_ for row in LIFETIMES[:-1] for type_ in row.types]
    assert len(types) == len(set(types))
    assert set(types) <= RESOURCE_TYPES
    assert LIFETIMES[-1].types == ("*",)


@pytest.mark.parametrize(
    ("type_", "balanced"), [("Slot", 5), ("Appointment", 5), ("Schedule", 5), ("Patient", 60), ("Basic", 30)]
)
def test_type_has_required_lifetime(type_: str, balanced: int) -> None:
    assert lifetime_of_type(type_).seconds_in_profile("balanced") == balanced


def test_cache_page_contains_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "cache.md"
    assert lifetimes_table() in page.read_text()
