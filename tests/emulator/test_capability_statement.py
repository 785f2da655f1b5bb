import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.search.parameters import RESOURCE_TYPES, parameters_of
from gateway.emulator.sites import BRISBANE, PERTH


@pytest.mark.parametrize(("site", "version"), [(BRISBANE, "26.619.10213.0"), (PERTH, "23.829.1114.0")])
def test_version_is_engine_version_of_site(halo: HaloClient, site: str, version: str) -> None:
    statement = halo.json("metadata", site)
    assert (statement["id"], statement["version"]) == (site, version)


def test_all_types_and_parameters_are_listed(halo: HaloClient) -> None:
    resources = halo.json("metadata")["rest"][0]["resource"]
    assert [row["type"] for row in resources] == list(RESOURCE_TYPES)
    for row in resources:
        assert [param["name"] for param in row["searchParam"]] == [p.code for p in parameters_of(row["type"])]
