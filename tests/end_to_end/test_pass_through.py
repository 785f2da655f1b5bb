"""Pass-through of each interaction over real sockets, with the emulator behind the gateway."""

import json
import re

import httpx
import pytest
from conftest import KEY, Pair

from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY

FORM = {"content_type": "application/x-www-form-urlencoded"}


def test_read_has_the_same_resource_with_repaired_meta(pair: Pair) -> None:
    pair.settings(faults={"reference-base-url": False})
    resource, upstream_resource = pair.get("Patient/1").json(), pair.straight("Patient/1").json()
    assert resource.pop("meta") != upstream_resource.pop("meta")
    assert resource == upstream_resource


def test_body_that_needs_no_repair_is_unchanged(pair: Pair) -> None:
    pair.settings(faults={"last-updated-offset": False, "reference-base-url": False})
    assert pair.get("Patient/1").content == pair.straight("Patient/1").content


def test_get_and_post_search_have_the_same_matches(pair: Pair) -> None:
    by_get = pair.get("Patient?gender=female&_count=5").json()
    by_post = pair.ask("POST", f"{pair.base()}/Patient/_search", b"gender=female&_count=5", **FORM).json()
    assert [entry["fullUrl"] for entry in by_get["entry"]] == [entry["fullUrl"] for entry in by_post["entry"]]


def test_posted_search_is_sent_as_post(pair: Pair) -> None:
    pair.ask("POST", f"{pair.base()}/Patient/_search", b"family=Zzyzx", **FORM)
    (sent,) = pair.sent()
    assert (sent["method"], sent["query"]) == ("POST", "")
    assert sent["body"] == [["family", "Zzyzx"]]


def test_metadata_operations_and_vread_pass(pair: Pair) -> None:
    assert pair.get("metadata").json()["resourceType"] == "CapabilityStatement"
    assert pair.get("Patient/1/$summary").json()["type"] == "document"
    assert pair.get("Patient/1/_history/1").status_code == 404


def test_patient_is_created_and_updated(pair: Pair) -> None:
    new_patient = {
        "resourceType": "Patient",
        "name": [{"family": "Testperson", "given": ["Ada"]}],
        "gender": "female",
    }
    headers = {"content_type": "application/fhir+json"}
    created = pair.ask("POST", f"{pair.base()}/Patient", json.dumps(new_patient).encode(), **headers)
    assert created.status_code == 201
    patient = created.json()
    updated = pair.ask(
        "PUT",
        f"{pair.base()}/Patient/{patient['id']}",
        json.dumps(patient | {"gender": "other"}).encode(),
        **headers,
    )
    assert updated.status_code == 200
    assert pair.get(f"Patient/{patient['id']}").json()["gender"] == "other"


def test_head_has_the_headers_of_get_without_body(pair: Pair) -> None:
    get_response, head_response = pair.get("Patient/1"), pair.ask("HEAD", f"{pair.base()}/Patient/1")
    assert head_response.content == b""
    assert head_response.headers["content-length"] == get_response.headers["content-length"]
    assert head_response.status_code == 200


def test_default_site_is_served_below_fhir_r4(pair: Pair) -> None:
    default_response = pair.ask("GET", f"{pair.url}/fhir/R4/Patient/1")
    response = pair.get("Patient/1", BRISBANE)
    assert default_response.text == response.text.replace(pair.base(BRISBANE), f"{pair.url}/fhir/R4")
    page = pair.ask("GET", f"{pair.url}/fhir/R4/Patient?_count=2").json()
    assert all(link["url"].startswith(f"{pair.url}/fhir/R4/Patient") for link in page["link"])


def test_sites_have_different_responses(pair: Pair) -> None:
    bodies = {pair.get("Patient/2", guid).content for guid in (BRISBANE, SYDNEY, PERTH)}
    assert len(bodies) == 3


def test_desktop_api_accepts_its_own_credentials(pair: Pair) -> None:
    form = f"grant_type=urn:halo-connect:oauth:desktop-token&device_id=d-1&site_id={SYDNEY}".encode()
    token = pair.ask("POST", f"{pair.url}/integrator/token", form, **FORM).json()["access_token"]
    url = f"{pair.url}/desktop/sites/{SYDNEY}/fhir/R4/Patient?_count=1"
    headers = {"authorization": f"Bearer {token}", "deviceid": "d-1"}
    page = httpx.get(url, headers=headers, trust_env=False)
    assert page.status_code == 200
    assert page.json()["link"][0]["url"].startswith(f"{pair.url}/desktop/sites/")


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/integrator/sites?practiceManagementSiteId=1&practiceManagementName=Best%20Practice", None),
        ("GET", f"/integrator/sites/{SYDNEY}", None),
        ("POST", f"/integrator/sites/{SYDNEY}/queries/immediate", b'{"command":{"text":"SELECT 1"}}'),
        ("GET", "/integrator/sites?practiceManagementSiteId=1", None),
    ],
)
def test_other_halo_endpoints_pass_unchanged(
    pair: Pair, method: str, path: str, content: bytes | None
) -> None:
    response = pair.ask(method, pair.url + path, content, content_type="application/json")
    upstream_response = pair.ask(method, pair.emulator.url + path, content, content_type="application/json")
    assert (response.status_code, without_new_values(response.text)) == (
        upstream_response.status_code,
        without_new_values(upstream_response.text),
    )
    assert response.headers["content-type"] == upstream_response.headers["content-type"]


def without_new_values(text: str) -> str:
    """The text without its timestamps, and without the id that each query gets."""
    return re.sub(r'20\d\d-\d\d-\d\dT[0-9:.]+|"id":"[0-9a-f-]{36}",(?="integratorId")', "", text)


def test_only_allowed_headers_pass_in_both_directions(pair: Pair) -> None:
    response = pair.get("Patient/1", Cookie="a=b", X_Forwarded_For="10.0.0.1", X_Request_Id="trace-7")
    (sent,) = pair.sent()
    headers = sent["headers"]
    assert isinstance(headers, dict)
    assert {"cookie", "x-forwarded-for"}.isdisjoint(headers)
    assert (headers["via"], headers["x-request-id"]) == ("1.1 halo-gateway", "trace-7")
    assert headers["ocp-apim-subscription-key"] == KEY["Ocp-Apim-Subscription-Key"]
    assert (response.headers["x-intermediary"], response.headers["x-request-id"]) == (
        "halo-gateway",
        "trace-7",
    )
    assert response.headers["cache-control"] == "no-store"


def test_content_type_follows_accept(pair: Pair) -> None:
    assert pair.get("Patient/1").headers["content-type"] == "application/fhir+json; charset=utf-8"
    default_response = pair.get("Patient/1", Accept="application/json")
    assert default_response.headers["content-type"] == "application/json; charset=utf-8"
    assert pair.get("Patient/1?_format=json", Accept="application/xml").status_code == 200
