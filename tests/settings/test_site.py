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


def test_defaults_of_a_practice_are_cautious() -> None:
    site = SiteSettings()
    assert (site.time_zone, site.follow_relocation, site.caps.reject_batch, site.search.period_semantics) == (
        None,
        False,
        False,
        "unknown",
    )
