"""Settings of one site over the default ones."""

from typing import Any

import pytest

from gateway.exchange import Site
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites, merged_site_settings, probed_issues_lookup
from gateway.sites.issue_states import SiteFindings

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"


def settings(
    default: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **sections: Any
) -> Settings:
    return Settings.model_validate(sections | {"sites": {"default": default or {}, GUID: own or {}}})


def site(guid: str, values: Settings) -> Site:
    result = ConfiguredSites(values)(guid)
    assert result is not None
    return result


def test_site_without_a_time_zone_is_none() -> None:
    assert ConfiguredSites(Settings())(GUID) is None
    assert ConfiguredSites(settings(own={"time_zone": "Australia/Perth"}))(OTHER) is None


def test_time_zone_of_a_site_overrides_the_default() -> None:
    values = settings({"time_zone": "Australia/Brisbane"}, {"time_zone": "Australia/Perth"})
    assert site(GUID, values).zone.key == "Australia/Perth"
    assert site(OTHER, values).zone.key == "Australia/Brisbane"


def test_unset_settings_of_a_site_have_the_default() -> None:
    values = settings({"time_zone": "Australia/Brisbane"}, {"name": "harbour"})
    assert (site(GUID, values).zone.key, site(GUID, values).name) == ("Australia/Brisbane", "harbour")


def test_site_without_an_alias_is_named_after_its_guid() -> None:
    values = settings({"time_zone": "Australia/Brisbane"})
    assert (site(GUID, values).name, site(OTHER, values).name) == (GUID[:8], OTHER)
    assert site(OTHER, values).guid == OTHER


def test_no_two_configured_sites_share_a_name() -> None:
    zone = {"time_zone": "Australia/Brisbane"}
    sites = ConfiguredSites(Settings.model_validate({"sites": {GUID: zone, OTHER: zone}}))
    names = [found.name for guid in (GUID, OTHER) if (found := sites(guid))]
    assert names == [GUID, OTHER]
    assert sites.without_zone(OTHER).name == OTHER


def test_repair_is_off_for_all_sites_or_one() -> None:
    zone = {"time_zone": "Australia/Brisbane"}
    everywhere = settings(zone, repairs={"link-base-url": False})
    disabled = [site(guid, everywhere).disabled_repairs for guid in (GUID, OTHER)]
    assert disabled == [{"link-base-url"}] * 2
    at_one_site = settings(zone, {"repairs": {"link-base-url": False}})
    assert site(GUID, at_one_site).disabled_repairs == {"link-base-url"}
    assert not site(OTHER, at_one_site).disabled_repairs


def test_most_specific_switch_of_a_repair_wins() -> None:
    values = settings(
        {"time_zone": "Australia/Brisbane", "repairs": {"link-base-url": True, "error-envelope": False}},
        {"repairs": {"error-envelope": True}},
        repairs={"link-base-url": False, "last-updated-offset": False},
    )
    assert site(OTHER, values).disabled_repairs == {"error-envelope", "last-updated-offset"}
    assert site(GUID, values).disabled_repairs == {"last-updated-offset"}
    assert merged_site_settings(values, GUID).repairs["link-base-url"]


def test_search_support_applies_to_its_site_only() -> None:
    zone = {"time_zone": "Australia/Brisbane"}
    values = settings(
        zone,
        {"search": {"supports_comma_or": True}, "last_updated_input": {"Patient": "naive"}},
        search={"max_split_queries": 2},
    )
    supports = [site(guid, values).date_support for guid in (GUID, OTHER)]
    assert [support.supports_comma_or for support in supports] == [True, False]
    assert site(GUID, values).last_updated_input == {"Patient": "naive"}
    assert site(OTHER, values).last_updated_input == {}
    assert [support.max_split_queries for support in supports] == [2, 2]


FOUND = {"engine": "26.0619.10213.0", "found_at": "2026-07-01T00:00:00Z"}


def test_probed_issues_have_verdicts_by_issue_and_facet() -> None:
    found = FOUND | {"right": ["inactive-records"], "broken": ["link-base-url"]}
    findings = probed_issues_lookup(settings(own={"known_issues": found}))(GUID)
    assert findings is not None
    assert findings == SiteFindings(
        "26.619.10213",
        1_782_864_000.0,
        {"inactive-records": "right", "link-base-url": "broken", "inactive-records Patient": "right"},
    )


def test_probed_issues_without_engine_or_time_count_as_none() -> None:
    for missing in ("engine", "found_at"):
        found = {name: value for name, value in FOUND.items() if name != missing}
        assert probed_issues_lookup(settings(own={"known_issues": found}))(GUID) is None
    assert probed_issues_lookup(settings(own={"known_issues": FOUND}))(OTHER) is None


def test_probed_issues_must_be_known() -> None:
    with pytest.raises(ValueError, match="no such known issue"):
        settings(own={"known_issues": FOUND | {"right": ["made-up"]}})


def test_alias_of_one_site_gives_its_guid() -> None:
    values = settings({"time_zone": "Australia/Brisbane"}, {"name": "harbour"})
    assert ConfiguredSites(values).guid_of("harbour") == GUID
    assert ConfiguredSites(values).guid_of(OTHER.upper()) == OTHER
    with pytest.raises(ValueError, match="neither"):
        ConfiguredSites(values).guid_of("harbor")
