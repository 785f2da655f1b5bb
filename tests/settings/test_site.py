"""Settings of one practice."""

import pytest
from pydantic import ValidationError

from gateway.settings import SiteSettings


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        ({"lifetimes": {"Appointment": 60}}, "Appointment: at most"),
        ({"stale_if_error": {"AllergyIntolerance": 10**9}}, "AllergyIntolerance: at most"),
        ({"lifetimes": {"patient": 5}}, "pattern"),
        ({"lifetimes": {"Patient": -1}}, "greater"),
    ],
)
def test_lifetime_above_the_limit_of_its_type_is_rejected(cache: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SiteSettings.model_validate({"cache": cache})


@pytest.mark.parametrize("name", ["", "harbour", "Halo Clinic Sydney", "Klinik Nord & Süd (2)", "st-kilda_1"])
def test_alias_of_a_practice_may_be_its_display_name(name: str) -> None:
    assert SiteSettings(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\x1b[31m",
        "a\x00",
        'a"b',
        "<b>",
        "a" * 61,
        "-SUM(A1,A2)",
        "0A1B2C3D-0000-4000-8000-00000000000a",
    ],
)
def test_other_alias_is_rejected(name: str) -> None:
    with pytest.raises(ValidationError):
        SiteSettings(name=name)


def test_defaults_of_a_practice_are_cautious() -> None:
    site = SiteSettings()
    assert (site.time_zone, site.follow_relocation, site.caps.reject_batch, site.search.period_semantics) == (
        None,
        False,
        False,
        "unknown",
    )
