import json

import pytest
from conftest import Pair
from support.requests import GUID, fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.http.urls import to_public_headers
from gateway.repairs.reference_base_url import to_public_entry, to_upstream_request

BASE = f"https://gw.example/integrator/sites/{GUID}/fhir/R4"
INTERNAL = f"http://10.1.2.3:8080/sites/{GUID}/fhir/R4"
UPSTREAM_BASES = [
    f"https://api.haloconnect.io/integrator/sites/{GUID}/fhir/R4",
    f"HTTP://API.haloconnect.io/desktop/sites/{GUID.upper()}/fhir/R4",
    f"/api/sites/{GUID}/fhir/R4",
    INTERNAL,
]


def entry(**fields: object) -> Entry:
    from msgspec import Raw

    return Entry({name: Raw(json.dumps(value).encode()) for name, value in fields.items()})


def text(value: Entry) -> str:
    return json.dumps({name: json.loads(bytes(raw)) for name, raw in value.fields.items()})


@pytest.mark.parametrize("base", UPSTREAM_BASES)
def test_references_move_to_gateway_base_once(base: str) -> None:
    request = fhir_request("Appointment")
    old = entry(resource={"participant": [{"actor": {"reference": f"{base}/Patient/1"}}]})
    new = to_public_entry(request, old)
    assert text(new) == text(old).replace(base, BASE)
    assert to_public_entry(request, new) is new


def test_other_urls_of_entry_move_to_gateway_base() -> None:
    old = entry(
        link=[{"relation": "self", "url": f"{INTERNAL}/Patient"}],
        request={"method": "GET", "url": f"{INTERNAL}/Patient/1"},
        response={"status": "201", "location": f"{INTERNAL}/Patient/1/_history/1"},
    )
    assert text(to_public_entry(fhir_request("Patient"), old)) == text(old).replace(INTERNAL, BASE)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/1",
        "#p",
        "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001",
        "https://other.example/fhir/Patient/1",
        f"{INTERNAL}x/Patient/1",
        INTERNAL.replace("00a/", "00b/") + "/Patient/1",
        f"https://other.example/?{INTERNAL}/Patient/1",
    ],
)
def test_url_outside_upstream_base_of_site_is_unchanged(reference: str) -> None:
    old = entry(resource={"subject": {"reference": reference}})
    assert to_public_entry(fhir_request("Observation"), old) is old
    assert to_public_entry(fhir_request("Observation", site=None), old) is old


def test_headers_with_resource_url_move_to_gateway_base() -> None:
    request = fhir_request("Patient", method="POST")
    headers = (
        ("location", f"{INTERNAL}/Patient/7/_history/1"),
        ("content-location", "Patient/7"),
        ("link", f'<{INTERNAL}/Patient?p=2>; rel="next", <https://other.example/x>; rel="help"'),
        ("etag", f'W/"{INTERNAL}"'),
    )
    new = dict(to_public_headers(request, headers))
    assert new["location"] == f"{BASE}/Patient/7/_history/1"
    assert new["content-location"] == f"{BASE}/Patient/7"
    assert new["link"] == f'<{BASE}/Patient?p=2>; rel="next", <https://other.example/x>; rel="help"'
    assert new["etag"] == f'W/"{INTERNAL}"'
    repaired = to_public_headers(request, headers)
    assert to_public_headers(request, repaired) is repaired


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"patient={BASE}/Patient/1", "patient=Patient/1"),
        (f"a=1&subject={BASE}/Patient/1,{BASE}/Patient/2&b=%20x", "a=1&subject=Patient/1,Patient/2&b=%20x"),
        (f"subject:Patient={BASE.upper()}/Patient/1", None),
        (f"subject={BASE.replace('gw.example', 'GW.example')}/Patient/1", "subject=Patient/1"),
        (f"identifier={BASE}/sid|1", None),
        (f"code={BASE}/CodeSystem/1|x", None),
        (f"url={BASE}/Questionnaire/1", None),
        (f"subject={BASE}/Nonsense/1", None),
        (f"subject={BASE}x/Patient/1", None),
        ("subject=https://other.example/fhir/Patient/1", None),
        ("subject=Patient/1&name=x%2Cy", None),
    ],
)
def test_only_gateway_base_in_search_becomes_relative(query: str, expected: str | None) -> None:
    request = fhir_request("Observation", query)
    changed = to_upstream_request(request)
    assert changed.upstream_search.query == (expected or query)
    assert changed.client_search.query == query
    assert (changed is request) == (expected is None)
    assert to_upstream_request(changed) is changed


def test_gateway_base_in_search_form_becomes_relative() -> None:
    request = fhir_request("Observation/_search", "", "POST", form=f"subject={BASE}/Patient/1")
    assert to_upstream_request(request).upstream_body == b"subject=Patient/1"


def create(body: object, **changes: object) -> FhirRequest:
    return fhir_request("Patient", "", "POST", body=json.dumps(body).encode(), **changes)


def test_references_in_body_become_relative_and_attachments_upstream_urls() -> None:
    body = {
        "resourceType": "Patient",
        "identifier": [{"system": f"{BASE}/sid", "assigner": {"reference": f"{BASE}/Organization/1"}}],
        "photo": [{"url": f"{BASE}/Binary/1"}],
        "generalPractitioner": [{"reference": "https://other.example/fhir/Practitioner/1"}],
    }
    changed = json.loads(to_upstream_request(create(body)).body)
    assert changed["identifier"][0] == {
        "system": f"{BASE}/sid",
        "assigner": {"reference": "Organization/1"},
    }
    assert changed["photo"] == [{"url": f"{create({}).upstream_base}/Binary/1"}]
    assert changed["generalPractitioner"] == body["generalPractitioner"]


def test_body_without_gateway_urls_keeps_its_bytes() -> None:
    request = create({"resourceType": "Patient", "x": [1.10]})
    assert to_upstream_request(request) is request


def test_references_in_if_none_exist_become_relative() -> None:
    criteria = f"identifier=http://ns|1&organization={BASE}/Organization/1"
    request = create({}, headers=(("if-none-exist", criteria), ("accept", BASE)))
    assert to_upstream_request(request).headers == (
        ("if-none-exist", "identifier=http://ns|1&organization=Organization/1"),
        ("accept", BASE),
    )


def test_body_with_duplicate_names_is_rejected() -> None:
    body = b'{"photo":{"url":"%s/Binary/1","url":"x"}}' % BASE.encode()
    with pytest.raises(Failure) as error:
        to_upstream_request(fhir_request("Patient", "", "POST", body=body))
    assert error.value.kind.status == 400


def is_repaired(pair: Pair, straight: bool) -> bool:
    patient = (pair.straight if straight else pair.get)("Patient/1").json()
    reference = patient["managingOrganization"]["reference"]
    return reference in {"Organization/1", f"{pair.base()}/Organization/1"}
