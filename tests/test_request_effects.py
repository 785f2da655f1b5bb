"""Effects of a request: copies of the request share them."""

from support.requests import fhir_request

from gateway.request_effects import RequestEffects


def test_copies_of_a_request_share_its_effects() -> None:
    request = fhir_request("Patient/1").replace(effects=RequestEffects())
    entry = request.replace(path="Patient/2")
    assert entry.effects is not None
    entry.effects.queries += 1
    assert request.effects is entry.effects
    assert request.effects.queries == 1
