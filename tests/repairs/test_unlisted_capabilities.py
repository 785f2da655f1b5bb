"""Capabilities that no statement lists, by engine version."""

import pytest

from gateway.repairs.unlisted_capabilities import Unlisted, unlisted_capabilities

SEARCH = ("read", "search-type")
CONDITION = ("Condition:patient",)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("", Unlisted(SEARCH)),
        ("unknown", Unlisted(SEARCH)),
        ("24.527.2795.0", Unlisted(SEARCH)),
        ("25.623.1", Unlisted(SEARCH)),
        ("25.0624.1", Unlisted(SEARCH, CONDITION)),
        ("26.429.99", Unlisted(SEARCH, CONDITION)),
        ("26.0430", Unlisted((*SEARCH, "update"), CONDITION)),
        ("26.619.10213.0", Unlisted((*SEARCH, "update"), CONDITION)),
    ],
)
def test_capability_is_listed_from_its_release_on(version: str, expected: Unlisted) -> None:
    assert unlisted_capabilities("Patient", version) == expected


def test_configured_capability_is_added_to_its_type_only() -> None:
    names = {"Patient.create", "Patient._revinclude=Observation:patient", "Slot.read"}
    assert unlisted_capabilities("Patient", "", names) == Unlisted(
        (*SEARCH, "create"), ("Observation:patient",)
    )
    assert unlisted_capabilities("Slot", "26.619.1", names) == Unlisted(("read",))
    assert unlisted_capabilities("Practitioner", "26.619.1", names) == Unlisted()
