import pytest

from gateway.emulator.search.index import compile_extractor
from gateway.emulator.search.parameters import INSTANT_PARAMETERS, PARAMETERS, RESOURCE_TYPES, parameters_of


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda row: f"{row.base}-{row.code}")
def test_every_expression_compiles_and_finds_nothing_in_an_empty_resource(parameter: object) -> None:
    row = PARAMETERS[parameter.base, parameter.code]  # type: ignore[attr-defined]
    assert compile_extractor(row.expression)({"resourceType": row.base}) in ([], [False])


def test_references_name_their_targets_and_others_have_none() -> None:
    assert all(bool(row.targets) == (row.type == "reference") for row in PARAMETERS.values())
    assert all(set(row.targets) <= set(RESOURCE_TYPES) for row in PARAMETERS.values())


def test_every_type_has_the_common_parameters() -> None:
    for name in RESOURCE_TYPES:
        assert {"_id", "_lastUpdated"} <= {row.code for row in parameters_of(name)}


def test_instants_are_date_parameters() -> None:
    assert all(PARAMETERS[row].type == "date" for row in INSTANT_PARAMETERS)
