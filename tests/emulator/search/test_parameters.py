import pytest

from gateway.emulator.search.index import compile_extractor
from gateway.emulator.search.parameters import INSTANT_PARAMETERS, PARAMETERS, RESOURCE_TYPES, parameters_of


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda row: f"{row.base}-{row.code}")
def test_expression_compiles_and_is_empty_for_empty_resource(parameter: object) -> None:
    row = PARAMETERS[parameter.base, parameter.code]  # type: ignore[attr-defined]
    assert compile_extractor(row.expression)({"resourceType": row.base}) in ([], [False])


def test_only_reference_parameters_have_targets() -> None:
    assert all(bool(row.targets) == (row.type == "reference") for row in PARAMETERS.values())
    assert all(set(row.targets) <= set(RESOURCE_TYPES) for row in PARAMETERS.values())


def test_all_types_have_common_parameters() -> None:
    for name in RESOURCE_TYPES:
        assert {"_id", "_lastUpdated"} <= {row.code for row in parameters_of(name)}


def test_instant_parameters_are_date_parameters() -> None:
    assert all(PARAMETERS[row].type == "date" for row in INSTANT_PARAMETERS)
