"""URLs of a relocated site."""

import pytest
from support.requests import GUID, fhir_request

from gateway.exchange import FhirResponse
from gateway.sites.relocation import from_guid, to_guid

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"


def test_only_guid_of_upstream_url_changes() -> None:
    request = fhir_request("Patient/1")
    relocated = to_guid(request, NEW)
    assert relocated.upstream_url == request.upstream_url.replace(GUID, NEW)
    assert (relocated.site, relocated.public_base) == (request.site, request.public_base)


def rename(body: str, **fields: str) -> FhirResponse:
    headers = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return from_guid(FhirResponse(200, headers, body.encode()), NEW, GUID)


def test_only_site_urls_of_response_get_client_guid() -> None:
    body = f'{{"reference":"https://h/sites/{NEW}/fhir/R4/Patient/1","b":"{NEW}"}}'
    response = rename(body, location=f"/sites/{NEW}/x")
    assert response.header("location") == f"/sites/{GUID}/x"
    assert response.body.decode() == f'{{"reference":"https://h/sites/{GUID}/fhir/R4/Patient/1","b":"{NEW}"}}'


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (f'{{"fullUrl":"https://h/sites/{NEW}/fhir/R4/Patient/1"}}', True),
        (f'{{"fullUrl":"https://h/sites/{NEW.upper()}/fhir/R4/Patient/1"}}', True),
        (f'{{"link":[{{"relation":"next","url":"/sites/{NEW}/fhir/R4?a=b"}}]}}', True),
        (f'{{"entry":[{{"response":{{"location":"/sites/{NEW}"}}}}]}}', True),
        (f'{{"content":[{{"attachment":{{"url":"https://h/sites/{NEW}/fhir/R4/Binary/1"}}}}]}}', True),
        (f'{{"reference":"https://h/sites/{NEW}0/fhir/R4/Patient/1"}}', False),
        (f'{{"reference":"https://h/my-sites/{NEW}x/fhir/R4/Patient/1"}}', False),
        (f'{{"text":{{"div":"see /sites/{NEW}/fhir/R4"}}}}', False),
        (f'{{"note":[{{"text":"\\"reference\\":\\"/sites/{NEW}/x\\""}}]}}', False),
        (f'{{"identifier":[{{"system":"https://h/sites/{NEW}/fhir/R4","value":"/sites/{NEW}/"}}]}}', False),
        (f'{{"url":"https://h/sites/{NEW}/fhir/R4/ValueSet/1"}}', False),
        (f"%PDF /sites/{NEW}/", False),
        (f'{{"reference":"/sites/{NEW}/', False),
    ],
)
def test_only_url_fields_change_and_at_path_boundaries(body: str, changes: bool) -> None:
    expected = body.replace(NEW, GUID).replace(NEW.upper(), GUID) if changes else body
    assert rename(body).body.decode() == expected


def test_only_url_headers_change() -> None:
    url = f"https://h/sites/{NEW}/fhir/R4/Patient/1"
    response = rename(
        "", location=url, content_location=url, link=f"<{url}>; rel=self", etag=f'"/sites/{NEW}/"'
    )
    assert NEW not in "".join(response.header(name) for name in ("location", "content-location", "link"))
    assert response.header("etag") == f'"/sites/{NEW}/"'
