from support.requests import GUID, fhir_request

from gateway.exchange import FhirResponse
from gateway.sites.relocation import from_guid, to_guid

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"


def test_a_request_goes_to_the_new_guid_and_nothing_else_changes() -> None:
    request = fhir_request("Patient/1")
    moved = to_guid(request, NEW)
    assert moved.upstream_url == request.upstream_url.replace(GUID, NEW)
    assert (moved.site, moved.public_base) == (request.site, request.public_base)


def test_answers_come_back_under_the_known_guid_with_other_text_untouched() -> None:
    body = f'{{"a":"https://h/sites/{NEW}/fhir/R4/Patient/1","b":"{NEW}"}}'.encode()
    answer = from_guid(FhirResponse(200, (("location", f"/sites/{NEW}/x"),), body), NEW, GUID)
    assert answer.header("location") == f"/sites/{GUID}/x"
    assert answer.body == f'{{"a":"https://h/sites/{GUID}/fhir/R4/Patient/1","b":"{NEW}"}}'.encode()
