from support.requests import SITE, fhir_request

from gateway.cache.freshness import Freshness
from gateway.cache.lookup import CacheConfig, lookup_for


def test_a_question_knows_its_key_its_types_and_what_the_client_wants() -> None:
    request = fhir_request("Patient", "name=a", headers=(("cache-control", "no-cache"),))
    asked = lookup_for(request, SITE, CacheConfig(b"s"), "engine")
    assert asked is not None
    assert asked.types == {"Patient"}
    assert (asked.site, asked.directives.no_cache) == (SITE.guid, True)
    other = lookup_for(request, SITE, CacheConfig(b"s"), "another engine")
    assert other is not None
    assert other.key != asked.key


def test_what_is_never_kept_is_no_question() -> None:
    assert lookup_for(fhir_request("Patient/1/_history"), SITE, CacheConfig(b"s")) is None
    assert lookup_for(fhir_request("Patient/1"), SITE, CacheConfig(b"s", lambda _: Freshness("off"))) is None
