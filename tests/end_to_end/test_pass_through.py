"""What a client sees of each interaction, over real sockets, with the emulator behind the gateway."""

import json
import re

import httpx
import pytest
from conftest import KEY, Pair

from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY

FORM = {"content_type": "application/x-www-form-urlencoded"}


def test_a_read_is_the_same_resource_with_mended_meta(pair: Pair) -> None:
    pair.settings(faults={"reference-base-url": False})
    ours, theirs = pair.get("Patient/1").json(), pair.straight("Patient/1").json()
    assert ours.pop("meta") != theirs.pop("meta")
    assert ours == theirs


def test_a_body_without_anything_to_mend_passes_byte_for_byte(pair: Pair) -> None:
    pair.settings(faults={"last-updated-offset": False, "reference-base-url": False})
    assert pair.get("Patient/1").content == pair.straight("Patient/1").content


def test_search_by_get_and_by_post_give_the_same_matches(pair: Pair) -> None:
    by_get = pair.get("Patient?gender=female&_count=5").json()
    by_post = pair.ask("POST", f"{pair.base()}/Patient/_search", b"gender=female&_count=5", **FORM).json()
    assert [each["fullUrl"] for each in by_get["entry"]] == [each["fullUrl"] for each in by_post["entry"]]


def test_a_posted_search_stays_posted_so_that_no_url_holds_patient_data(pair: Pair) -> None:
    pair.ask("POST", f"{pair.base()}/Patient/_search", b"family=Zzyzx", **FORM)
    (sent,) = pair.sent()
    assert (sent["method"], sent["query"]) == ("POST", "")
    assert sent["body"] == [["family", "Zzyzx"]]


def test_metadata_operations_and_vread_pass(pair: Pair) -> None:
    assert pair.get("metadata").json()["resourceType"] == "CapabilityStatement"
    assert pair.get("Patient/1/$summary").json()["type"] == "document"
    assert pair.get("Patient/1/_history/1").status_code == 404


def test_a_patient_is_created_and_updated(pair: Pair) -> None:
    new = {
        "resourceType": "Patient",
        "name": [{"family": "Testperson", "given": ["Ada"]}],
        "gender": "female",
    }
    headers = {"content_type": "application/fhir+json"}
    created = pair.ask("POST", f"{pair.base()}/Patient", json.dumps(new).encode(), **headers)
    assert created.status_code == 201
    made = created.json()
    updated = pair.ask(
        "PUT",
        f"{pair.base()}/Patient/{made['id']}",
        json.dumps(made | {"gender": "other"}).encode(),
        **headers,
    )
    assert updated.status_code == 200
    assert pair.get(f"Patient/{made['id']}").json()["gender"] == "other"


def test_head_has_the_headers_of_get_and_no_body(pair: Pair) -> None:
    got, head = pair.get("Patient/1"), pair.ask("HEAD", f"{pair.base()}/Patient/1")
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.status_code == 200


def test_one_site_is_also_mounted_as_plain_fhir_r4(pair: Pair) -> None:
    plain = pair.ask("GET", f"{pair.url}/fhir/R4/Patient/1")
    ours = pair.get("Patient/1", BRISBANE)
    assert plain.text == ours.text.replace(pair.base(BRISBANE), f"{pair.url}/fhir/R4")
    page = pair.ask("GET", f"{pair.url}/fhir/R4/Patient?_count=2").json()
    assert all(link["url"].startswith(f"{pair.url}/fhir/R4/Patient") for link in page["link"])


def test_sites_never_answer_for_each_other(pair: Pair) -> None:
    bodies = {pair.get("Patient/2", guid).content for guid in (BRISBANE, SYDNEY, PERTH)}
    assert len(bodies) == 3


def test_the_desktop_api_takes_its_own_credentials(pair: Pair) -> None:
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
def test_halos_other_endpoints_pass_unchanged(
    pair: Pair, method: str, path: str, content: bytes | None
) -> None:
    ours = pair.ask(method, pair.url + path, content, content_type="application/json")
    theirs = pair.ask(method, pair.emulator.url + path, content, content_type="application/json")
    assert (ours.status_code, timeless(ours.text)) == (theirs.status_code, timeless(theirs.text))
    assert ours.headers["content-type"] == theirs.headers["content-type"]


def timeless(text: str) -> str:
    """The text without the clock readings in it."""
    return re.sub(r"20\d\d-\d\d-\d\dT[0-9:.]+", "", text)


def test_only_allowed_headers_pass_in_either_direction(pair: Pair) -> None:
    answer = pair.get("Patient/1", Cookie="a=b", X_Forwarded_For="10.0.0.1", X_Request_Id="trace-7")
    (sent,) = pair.sent()
    headers = sent["headers"]
    assert isinstance(headers, dict)
    assert {"cookie", "x-forwarded-for"}.isdisjoint(headers)
    assert (headers["via"], headers["x-request-id"]) == ("1.1 halo-gateway", "trace-7")
    assert headers["ocp-apim-subscription-key"] == KEY["Ocp-Apim-Subscription-Key"]
    assert (answer.headers["x-intermediary"], answer.headers["x-request-id"]) == ("halo-gateway", "trace-7")
    assert answer.headers["cache-control"] == "no-store"


def test_fhir_is_answered_as_what_was_asked_for(pair: Pair) -> None:
    assert pair.get("Patient/1").headers["content-type"] == "application/fhir+json; charset=utf-8"
    plain = pair.get("Patient/1", Accept="application/json")
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    assert pair.get("Patient/1?_format=json", Accept="application/xml").status_code == 200
