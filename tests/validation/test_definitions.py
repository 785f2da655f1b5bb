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

#: Format of the codes in required bindings.
CODE = re.compile(r"[A-Za-z0-9_.\-]+|[<>!]?=?")


def reachable_definitions() -> Iterator[Definition]:
    """All definitions of R4's resources and of their elements."""
    definitions = {
        definition.type: definition for definition in map(resource_definition, RESOURCE_TYPES) if definition
    }
    pending = list(definitions.values())
    while pending:
        definition = pending.pop()
        yield definition
        types = {element.type for element in definition.elements.values()} - set(PRIMITIVES) - {"Resource"}
        new = {type_: type_definition(type_) for type_ in types - set(definitions)}
        definitions |= new
        pending += new.values()


DEFINITIONS = tuple(reachable_definitions())


def test_all_types_of_r4_have_definitions() -> None:
    assert {"Patient", "PatientContact", "Timing", "ElementDefinition", "Meta", "Element"} <= {
        definition.type for definition in DEFINITIONS
    }
    assert len(DEFINITIONS) > 500


def test_every_code_list_contains_only_codes() -> None:
    lists = [
        (definition.type, name, element.codes)
        for definition in DEFINITIONS
        for name, element in definition.elements.items()
        if element.codes
    ]
    assert len(lists) > 280
    assert [item for item in lists if len(item[2]) < 2 or not all(map(CODE.fullmatch, item[2]))] == []


def test_only_elements_of_type_code_have_code_lists() -> None:
    elements = [element for definition in DEFINITIONS for element in definition.elements.values()]
    assert {element.type for element in elements if element.codes} == {"code"}


def test_choices_have_fhirpath_names() -> None:
    patient = type_definition("Patient")
    assert patient.choices == {
        "deceased": ("deceasedBoolean", "deceasedDateTime"),
        "multipleBirth": ("multipleBirthBoolean", "multipleBirthInteger"),
    }
    assert patient.elements["deceasedDateTime"] == Element("deceased", "dateTime")


def test_required_elements_include_primitives_objects_and_choices() -> None:
    assert set(type_definition("Observation").required_elements) == {"status", "code"}
    assert set(type_definition("Appointment").required_elements) == {"status", "participant"}
    assert type_definition("MedicationRequest").required_elements["medication"] == (
        "medicationCodeableConcept",
        "medicationReference",
    )


def test_primitive_has_sibling_for_extensions() -> None:
    name = type_definition("HumanName")
    assert name.elements["_given"] == Element("given", "Element", is_list=True)
    assert "_period" not in name.elements


def test_elements_named_like_python_keywords_have_json_names() -> None:
    assert type_definition("Encounter").elements["class"].type == "Coding"
    assert type_definition("TestScriptSetupAction").elements["assert"].type == "TestScriptSetupActionAssert"


@pytest.mark.parametrize(
    "type_",
    [
        *("", "patient", "Resource", "DomainResource", "HumanName", "PatientContact", "Code", "Element", "_"),
        *("Ingredient", "MedicinalProduct", "FHIRPrimitiveExtension", "Type", 1, None, ["Patient"]),
    ],
)
def test_unchecked_or_unknown_type_has_no_definition(type_: object) -> None:
    assert resource_definition(type_) is None


def test_unknown_type_names_are_not_cached() -> None:
    before = type_definition.cache_info().currsize
    assert all(resource_definition(f"Type{number}") is None for number in range(100))
    assert type_definition.cache_info().currsize == before


VALIDATE_WITHOUT_EXTRA = """
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
except MissingExtraError as error:
    print(error)
"""


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_error_without_models_contains_install_command() -> None:
    assert "pip install 'halo-gateway[validation]'" in run_python(VALIDATE_WITHOUT_EXTRA)


def test_import_of_validator_does_not_import_models() -> None:
    code = "import sys; from gateway.validation.judge import validate_resource; print('fhir' in sys.modules)"
    assert run_python(code) == "False\n"
