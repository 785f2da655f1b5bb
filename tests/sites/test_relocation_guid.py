from support.requests import GUID, fhir_request

from gateway.exchange import FhirResponse
from gateway.sites.relocation import from_guid, to_guid

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"


def test_only_guid_of_upstream_url_changes() -> None:
    request = fhir_request("Patient/1")
    relocated = to_guid(request, NEW)
    assert relocated.upstream_url == request.upstream_url.replace(GUID, NEW)
    assert (relocated.site, relocated.public_base) == (request.site, request.public_base)


def test_only_site_urls_of_response_get_client_guid() -> None:
    body = f'{{"a":"https://h/sites/{NEW}/fhir/R4/Patient/1","b":"{NEW}"}}'.encode()
    response = from_guid(FhirResponse(200, (("location", f"/sites/{NEW}/x"),), body), NEW, GUID)
    assert response.header("location") == f"/sites/{GUID}/x"
    assert response.body == f'{{"a":"https://h/sites/{GUID}/fhir/R4/Patient/1","b":"{NEW}"}}'.encode()
