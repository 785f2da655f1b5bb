"""Cache lookups of requests."""

import pytest
from support.requests import SITE, fhir_request

from gateway.apps.app import App
from gateway.cache.freshness import Freshness
from gateway.cache.lookup import CacheConfig, lookup_for


def test_lookup_has_key_types_and_directives() -> None:
    request = fhir_request("Patient", "name=a", headers=(("cache-control", "no-cache"),))
    lookup = lookup_for(request, SITE, CacheConfig(b"s"), "engine")
    assert lookup is not None
    assert lookup.types == {"Patient"}
    assert (lookup.site, lookup.directives.no_cache) == (SITE.guid, True)
    other_lookup = lookup_for(request, SITE, CacheConfig(b"s"), "another engine")
    assert other_lookup is not None
    assert other_lookup.key != lookup.key


def test_uncacheable_request_has_no_lookup() -> None:
    assert lookup_for(fhir_request("Patient/1/_history"), SITE, CacheConfig(b"s")) is None
    assert lookup_for(fhir_request("Patient/1"), SITE, CacheConfig(b"s", lambda _: Freshness("off"))) is None


@pytest.mark.parametrize(
    ("app", "directive", "seconds"),
    [
        ("", "", 5),
        ("", "max-age=1", 1),
        ("", "max-age=60", 5),
        ("", "no-cache", 0),
        ("", "min-fresh=2", 3),
        ("", "min-fresh=9", 0),
        ("board", "min-fresh=2", 3),
        ("desk", "", 5),
        ("board", "", 30),
        ("board", "max-age=2", 2),
        ("strict", "", 1),
    ],
)
def test_fetch_is_shared_up_to_the_accepted_age(app: str, directive: str, seconds: float) -> None:
    """The response of a fetch that began earlier may show the practice as it was then."""
    apps = {
        "desk": App("desk", "booking"),
        "board": App("board", "display"),
        "strict": App("strict", "interactive", {"Appointment": 1}),
    }
    headers = (("cache-control", directive),) if directive else ()
    request = fhir_request("Appointment", "status=booked", headers=headers).replace(app=app)
    lookup = lookup_for(request, SITE, CacheConfig(b"s", apps=apps))
    assert lookup is not None
    assert lookup.joinable_age == seconds
