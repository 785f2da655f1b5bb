import pytest
from emulator.asking import Halo

from gateway.emulator.search.parameters import RESOURCE_TYPES, parameters_of
from gateway.emulator.sites import BRISBANE, PERTH


@pytest.mark.parametrize(("site", "version"), [(BRISBANE, "26.619.10213.0"), (PERTH, "23.829.1114.0")])
def test_the_version_is_the_engine_of_the_practice(halo: Halo, site: str, version: str) -> None:
    statement = halo.json("metadata", site)
    assert (statement["id"], statement["version"]) == (site, version)


def test_every_type_and_parameter_is_listed(halo: Halo) -> None:
    resources = halo.json("metadata")["rest"][0]["resource"]
    assert [row["type"] for row in resources] == list(RESOURCE_TYPES)
    for row in resources:
        assert {each["name"] for each in row["searchParam"]} == {p.code for p in parameters_of(row["type"])}
