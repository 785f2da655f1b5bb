"""Names of sites in the command line."""

import pytest
from support.requests import GUID

from gateway.admin.configured_names import configured_site_names
from gateway.cli.site_names import require_served, require_site_key
from gateway.errors.failure import Failure
from gateway.settings import Settings

UNKNOWN = GUID.replace("0", "f")
UPSTREAMS = {
    "mnt": {"url": "https://second.example", "dialect": "halo-connect", "path": "/mnt"},
    "lab": {"url": "https://lab.example", "dialect": "fhir", "path": "/lab"},
}
SETTINGS = Settings.model_validate(
    {"sites": {GUID: {"name": "harbour", "time_zone": "Australia/Sydney"}}, "upstreams": UPSTREAMS}
)
NAMES = configured_site_names(SETTINGS)


@pytest.mark.parametrize(
    ("site", "key"),
    [
        ("harbour", GUID),
        (GUID.upper(), GUID),
        ("mnt/harbour", f"mnt/{GUID}"),
        (f"mnt/{GUID}", f"mnt/{GUID}"),
        (UNKNOWN, UNKNOWN),
        ("lab", "lab"),
    ],
)
def test_command_reads_a_name_as_the_endpoint_does(site: str, key: str) -> None:
    assert require_site_key(SETTINGS, site) == NAMES.require_key(site) == key


@pytest.mark.parametrize(
    ("site", "text"),
    [
        ("mnt", "mnt is an upstream of many practices: name one of them, as in mnt/<GUID or alias>"),
        ("mnt/elsewhere", "mnt/elsewhere is neither a Halo GUID nor the alias .* Aliases: harbour"),
        (f"lab/{GUID}", "neither"),
        ("Harbour", "neither"),
        ("default", "neither"),
        ("", "neither"),
    ],
)
def test_command_refuses_what_the_endpoint_refuses(site: str, text: str) -> None:
    with pytest.raises(Failure):
        NAMES.require_key(site)
    with pytest.raises(ValueError, match=text):
        require_site_key(SETTINGS, site)


def test_practice_that_is_not_served_is_refused() -> None:
    for known in (GUID, "lab"):
        require_served(SETTINGS, known)
    with pytest.raises(ValueError, match="does not name this practice"):
        require_served(SETTINGS, UNKNOWN)
