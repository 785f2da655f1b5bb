"""`halo-gateway explain`."""

import pytest
from conftest import settings_for

from gateway.cli.explain import explain_for_site
from gateway.emulator.sites import PERTH, SYDNEY
from gateway.settings import Settings


def test_search_is_explained_as_by_the_gateway() -> None:
    assert "filter: no" in explain_for_site(
        settings_for("http://emulator"), SYDNEY, "Appointment?date=2026-04"
    )


@pytest.mark.parametrize(
    ("settings", "search", "message"),
    [(Settings(), "Appointment?date=2026-04", "time_zone"), (settings_for("http://x"), "metadata", "search")],
)
def test_unexplainable_search_has_reason(settings: Settings, search: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain_for_site(settings, SYDNEY, search)


def settings_with_alias(*names: str) -> Settings:
    zones = ("Australia/Perth", "Australia/Sydney")
    guids = (PERTH, SYDNEY)
    sites = {
        guid: {"time_zone": zone, "name": name} for guid, zone, name in zip(guids, zones, names, strict=True)
    }
    default = {"time_zone": "Australia/Brisbane"}
    return Settings.model_validate({"sites": {**sites, "default": default}})


def test_alias_has_the_zone_of_its_site() -> None:
    text = explain_for_site(settings_with_alias("perth-1", "sydney-1"), "perth-1", "Appointment?date=2026-04")
    assert text.startswith(f"site: {PERTH} (Australia/Perth)")


def test_unknown_alias_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        explain_for_site(settings_with_alias("a", "b"), "pearth-1", "Appointment?date=2026-04")


def test_guid_without_settings_has_the_default_zone() -> None:
    guid = PERTH.replace("9e47", "ABCD")
    text = explain_for_site(settings_with_alias("a", "b"), guid, "Appointment?date=2026-04")
    assert text.startswith(f"site: {guid.lower()} (Australia/Brisbane)")


def test_refused_search_is_explained() -> None:
    text = explain_for_site(settings_with_alias("a", "b"), "a", "Patient?active=false")
    assert "(inactive-records) cost: no upstream query" in text


def test_practice_at_a_second_upstream_is_explained() -> None:
    upstreams = {
        "mnt": {"url": "https://second.example", "dialect": "halo-connect", "path": "/mnt"},
        "lab": {"url": "https://lab.example", "dialect": "fhir", "path": "/lab"},
    }
    settings = settings_with_alias("a", "b")
    settings = Settings.model_validate({**settings.model_dump(exclude_unset=True), "upstreams": upstreams})
    text = explain_for_site(settings, "mnt/a", "Appointment?date=2026-04")
    assert text.startswith(f"site: {PERTH} (Australia/Perth)")
    with pytest.raises(ValueError, match="lab is no Halo Connect"):
        explain_for_site(settings, "lab", "Appointment?date=2026-04")
