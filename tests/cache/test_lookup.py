"""Cache lookups of requests."""

from support.requests import SITE, fhir_request

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
