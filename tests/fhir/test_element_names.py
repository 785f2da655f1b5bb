import pytest

from gateway.fhir.element_names import ELEMENT_NAMES
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.validation.definitions import resource_definition, type_definition
from gateway.validation.r4 import UNCHECKED_TYPES


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES - UNCHECKED_TYPES))
def test_elements_of_each_resource_type_are_listed(type_: str) -> None:
    definition = resource_definition(type_)
    assert definition is not None
    for element in definition.elements.values():
        assert element.name.removeprefix("_") in ELEMENT_NAMES


@pytest.mark.parametrize("type_", ["HumanName", "Address", "Identifier", "Extension", "PatientContact"])
def test_elements_of_data_types_are_listed(type_: str) -> None:
    assert {name.removeprefix("_") for name in type_definition(type_).elements} <= ELEMENT_NAMES


def test_only_names_of_elements_are_listed() -> None:
    assert {"birthDate", "family", "valueDateTime", "reaction"} <= ELEMENT_NAMES
    assert not {"Patient", "zzyzx", "smith", "_birthDate"} & ELEMENT_NAMES
    assert all(name.isalnum() and name.isascii() for name in ELEMENT_NAMES)
