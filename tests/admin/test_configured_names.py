"""Names of sites that the configuration has."""

import pytest
from support.requests import GUID

from gateway.admin.configured_names import configured_site_names, single_site_mounts
from gateway.errors.failure import Failure
from gateway.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "sites": {GUID: {"name": "harbour"}, "default": {"name": "any"}},
        "upstreams": {
            "mnt": {"url": "https://second.example", "dialect": "halo-connect", "path": "/mnt"},
            "lab": {"url": "https://lab.example", "dialect": "fhir", "path": "/lab"},
        },
    }
)


def test_upstreams_with_practices_are_told_from_others() -> None:
    names = configured_site_names(SETTINGS)
    assert tuple(names.mounts) == single_site_mounts(SETTINGS) == ("lab",)
    assert names.halo_mounts == {"mnt"}
    assert names.aliases == {GUID: "harbour"}


def test_practice_needs_a_place_in_the_configuration() -> None:
    names, other = configured_site_names(SETTINGS), GUID.replace("0", "f")
    assert names.require_served("mnt/harbour") == GUID
    with pytest.raises(Failure):
        names.require_served(other)
    zone = {"sites": {"default": {"time_zone": "Australia/Perth"}}}
    assert configured_site_names(Settings.model_validate(zone)).require_served(other) == other
