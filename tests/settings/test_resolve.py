"""What holds for one site: its own settings over the default ones."""

from typing import Any

from gateway.exchange import Site
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites, merged_site_settings

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"


def settings(
    default: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **rest: Any
) -> Settings:
    return Settings.model_validate(rest | {"sites": {"default": default or {}, GUID: own or {}}})


def site(guid: str, found: Settings) -> Site:
    result = ConfiguredSites(found)(guid)
    assert result is not None
    return result


def test_a_site_without_a_zone_is_none() -> None:
    assert ConfiguredSites(Settings())(GUID) is None
    assert ConfiguredSites(settings(own={"time_zone": "Australia/Perth"}))(OTHER) is None


def test_a_sites_own_zone_goes_over_the_default() -> None:
    found = settings({"time_zone": "Australia/Brisbane"}, {"time_zone": "Australia/Perth"})
    assert site(GUID, found).zone.key == "Australia/Perth"
    assert site(OTHER, found).zone.key == "Australia/Brisbane"


def test_what_a_site_does_not_say_comes_from_the_default() -> None:
    found = settings({"time_zone": "Australia/Brisbane"}, {"name": "harbour"})
    assert (site(GUID, found).zone.key, site(GUID, found).name) == ("Australia/Brisbane", "harbour")


def test_a_site_without_an_alias_is_called_by_the_start_of_its_guid() -> None:
    found = settings({"time_zone": "Australia/Brisbane"})
    assert (site(GUID, found).name, site(OTHER, found).name) == (GUID[:8], OTHER[:8])
    assert site(OTHER, found).guid == OTHER


def test_a_repair_is_off_everywhere_or_at_one_site() -> None:
    zone = {"time_zone": "Australia/Brisbane"}
    everywhere = settings(zone, repairs={"link-base-url": False})
    assert (
        site(GUID, everywhere).disabled_repairs
        == site(OTHER, everywhere).disabled_repairs
        == {"link-base-url"}
    )
    one = settings(zone, {"repairs": {"link-base-url": False}})
    assert site(GUID, one).disabled_repairs == {"link-base-url"}
    assert not site(OTHER, one).disabled_repairs


def test_the_nearest_switch_counts() -> None:
    found = settings(
        {"time_zone": "Australia/Brisbane", "repairs": {"link-base-url": True, "error-envelope": False}},
        {"repairs": {"error-envelope": True}},
        repairs={"link-base-url": False, "last-updated-offset": False},
    )
    assert site(OTHER, found).disabled_repairs == {"error-envelope", "last-updated-offset"}
    assert site(GUID, found).disabled_repairs == {"last-updated-offset"}
    assert merged_site_settings(found, GUID).repairs["link-base-url"]


def test_what_is_known_of_the_upstream_belongs_to_its_site() -> None:
    zone = {"time_zone": "Australia/Brisbane"}
    found = settings(
        zone,
        {"search": {"supports_comma_or": True}, "last_updated_input": {"Patient": "naive"}},
        search={"max_split_queries": 2},
    )
    assert (
        site(GUID, found).date_support.supports_comma_or,
        site(OTHER, found).date_support.supports_comma_or,
    ) == (True, False)
    assert site(GUID, found).last_updated_input == {"Patient": "naive"}
    assert site(OTHER, found).last_updated_input == {}
    assert (
        site(GUID, found).date_support.max_split_queries
        == site(OTHER, found).date_support.max_split_queries
        == 2
    )
