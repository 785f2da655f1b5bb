"""Search parameters of R4 whose references may name a patient, and the paths of their elements.

`patient_references.json` lists them by resource type; tests/recipes/patient_references.py generates it.
"""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Final

_PATHS: Final[dict[str, dict[str, list[str]]]] = json.loads(
    files("gateway.fhir").joinpath("patient_references.json").read_bytes()
)["paths"]

ElementPath = tuple[str, ...]


@lru_cache(maxsize=1024)
def patient_reference_paths(resource_type: str, code: str) -> tuple[ElementPath, ...]:
    """Element names from the resource to each reference of a parameter; none if it never names a patient."""
    return tuple(tuple(path.split(".")) for path in _PATHS.get(resource_type, {}).get(code, ()))
