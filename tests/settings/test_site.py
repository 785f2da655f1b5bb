import pytest
from pydantic import ValidationError

from gateway.settings import SiteSettings


@pytest.mark.parametrize(
    ("cache", "says"),
    [
        ({"lifetimes": {"Appointment": 60}}, "Appointment"),
        ({"stale": {"AllergyIntolerance": 10**9}}, "AllergyIntolerance"),
        ({"lifetimes": {"patient": 5}}, "pattern"),
        ({"lifetimes": {"Patient": -1}}, "greater"),
    ],
)
def test_a_lifetime_beyond_what_is_safe_is_refused(cache: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SiteSettings.model_validate({"cache": cache})


def test_a_practice_is_cautious_until_somebody_says_otherwise() -> None:
    site = SiteSettings()
    assert (site.time_zone, site.follow_relocation, site.caps.reject_batch, site.search.period_semantics) == (
        None,
        False,
        False,
        "unknown",
    )
