import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.validation.definitions import (
    Definition,
    Element,
    resource_definition,
    type_definition,
)
from gateway.validation.primitives import PRIMITIVES

#: What a code of a closed list looks like.
CODE = re.compile(r"[A-Za-z0-9_.\-]+|[<>!]?=?")


def reachable() -> Iterator[Definition]:
    """Every definition that a resource of R4 can lead to."""
    found = {each.type: each for each in map(resource_definition, RESOURCE_TYPES) if each}
    waiting = list(found.values())
    while waiting:
        each = waiting.pop()
        yield each
        types = {element.type for element in each.elements.values()} - set(PRIMITIVES) - {"Resource"}
        new = {type_: type_definition(type_) for type_ in types - set(found)}
        found |= new
        waiting += new.values()


ALL = tuple(reachable())


def test_all_types_of_r4_are_reached() -> None:
    assert {"Patient", "PatientContact", "Timing", "ElementDefinition", "Meta", "Element"} <= {
        each.type for each in ALL
    }
    assert len(ALL) > 500


def test_every_enforced_list_holds_nothing_but_codes() -> None:
    lists = [
        (each.type, name, element.codes)
        for each in ALL
        for name, element in each.elements.items()
        if element.codes
    ]
    assert len(lists) > 280
    assert [each for each in lists if len(each[2]) < 2 or not all(map(CODE.fullmatch, each[2]))] == []


def test_only_codes_have_lists() -> None:
    assert {each.type for one in ALL for each in one.elements.values() if each.codes} == {"code"}


def test_names_of_choices_are_those_of_fhirpath() -> None:
    patient = type_definition("Patient")
    assert patient.choices == {
        "deceased": ("deceasedBoolean", "deceasedDateTime"),
        "multipleBirth": ("multipleBirthBoolean", "multipleBirthInteger"),
    }
    assert patient.elements["deceasedDateTime"] == Element("deceased", "dateTime")


def test_required_elements_are_simple_complex_and_choices() -> None:
    assert set(type_definition("Observation").required_elements) == {"status", "code"}
    assert set(type_definition("Appointment").required_elements) == {"status", "participant"}
    assert type_definition("MedicationRequest").required_elements["medication"] == (
        "medicationCodeableConcept",
        "medicationReference",
    )


def test_a_primitive_has_a_sibling_for_its_extensions() -> None:
    name = type_definition("HumanName")
    assert name.elements["_given"] == Element("given", "Element", is_list=True)
    assert "_period" not in name.elements


def test_names_that_python_reserves_are_those_of_json() -> None:
    assert type_definition("Encounter").elements["class"].type == "Coding"
    assert type_definition("TestScriptSetupAction").elements["assert"].type == "TestScriptSetupActionAssert"


@pytest.mark.parametrize(
    "type_",
    [
        *("", "patient", "Resource", "DomainResource", "HumanName", "PatientContact", "Code", "Element", "_"),
        *("Ingredient", "MedicinalProduct", "FHIRPrimitiveExtension", "Type", 1, None, ["Patient"]),
    ],
)
def test_what_is_no_type_that_can_be_checked_has_no_definition(type_: object) -> None:
    assert resource_definition(type_) is None


def test_names_from_outside_are_not_remembered() -> None:
    before = type_definition.cache_info().currsize
    assert all(resource_definition(f"Type{number}") is None for number in range(100))
    assert type_definition.cache_info().currsize == before


WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"fhir", "fhir_core"}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
from gateway.extras import MissingExtraError
from gateway.validation.judge import validate_resource
try:
    validate_resource(b'{"resourceType": "Patient"}')
except MissingExtraError as problem:
    print(problem)
"""


def test_without_the_models_one_error_says_what_to_install() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "pip install 'halo-gateway[validation]'" in ran.stdout


def test_the_models_are_looked_for_without_an_import() -> None:
    code = "import sys; from gateway.validation.judge import validate_resource; print('fhir' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
