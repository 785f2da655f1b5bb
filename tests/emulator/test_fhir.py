from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from emulator.halo_client import HaloClient, link_url, matches

from gateway.emulator.sites import BRISBANE, SYDNEY

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post_search(halo: HaloClient, url: str, body: str) -> Any:
    response = halo.send(f"Patient/_search{url}", method="POST", content=body, headers=FORM)
    assert response.status_code == 200
    return response.json()


def test_post_search_equals_get_search(halo: HaloClient) -> None:
    assert post_search(halo, "", "gender=female&_count=5") == halo.json("Patient?gender=female&_count=5")


def test_post_search_combines_url_and_body(halo: HaloClient) -> None:
    bundle = post_search(halo, "?gender=female", urlencode({"birthdate": "ge1980-01-01"}))
    assert bundle["total"] == halo.json("Patient?gender=female&birthdate=ge1980-01-01")["total"]


@pytest.mark.parametrize("path", ["Patient", "Patient/1", "metadata", "Patient/1/$summary"])
def test_head_response_equals_get_without_body(halo: HaloClient, path: str) -> None:
    head, get = halo.send(path, method="HEAD"), halo.send(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "Patient/1/_history/1"),
        ("GET", "Patient/99999"),
        ("GET", "Account"),
        ("GET", "Patient/1/$everything"),
        ("GET", ""),
        ("POST", "Slot"),
        ("DELETE", "Patient/1"),
        ("PATCH", "Patient/1"),
        ("PUT", "Patient/99999"),
    ],
)
def test_unsupported_interaction_is_not_found(halo: HaloClient, method: str, path: str) -> None:
    body = {"resourceType": "Patient", "id": "99999"} if method == "PUT" else None
    assert halo.send(path, method=method, json=body).status_code == 404


def test_vread_is_supported_by_variant(halo: HaloClient) -> None:
    halo.set_variants(vread=True)
    assert halo.json("Patient/1/_history/1") == halo.json("Patient/1")


def test_content_type_is_fhir_json_if_accepted(halo: HaloClient) -> None:
    plain = halo.send("Patient/1")
    fhir = halo.send("Patient/1", headers={"Accept": "application/fhir+json"})
    assert plain.headers["content-type"].startswith("application/json")
    assert fhir.headers["content-type"].startswith("application/fhir+json")


def test_created_patient_is_searchable_and_updatable(halo: HaloClient) -> None:
    halo.disable("link-base-url", "last-updated-offset")
    response = halo.send(
        "Patient", method="POST", json={"resourceType": "Patient", "name": [{"family": "Quokka"}]}
    )
    assert response.status_code == 201
    identity = response.json()["id"]
    assert response.headers["location"] == f"{halo.emulator.url}{halo.base(SYDNEY)}/Patient/{identity}"
    assert halo.ids("Patient?family=quokka") == [identity]
    patient_update = {**response.json(), "name": [{"family": "Numbat"}]}
    assert halo.send(f"Patient/{identity}", method="PUT", json=patient_update).status_code == 200
    assert halo.ids("Patient?family=quokka") == []
    assert halo.ids("Patient?family=numbat") == [identity]


def test_created_appointment_is_searchable_and_makes_slot_busy(halo: HaloClient) -> None:
    slot = halo.ids("Slot?status=free&start=ge2026-06-22&_count=1")[0]
    booking = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot}"}],
        "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
    }
    response = halo.send("Appointment", method="POST", json=booking)
    assert response.status_code == 201
    assert halo.ids(f"Appointment?slot=Slot/{slot}") == [response.json()["id"]]
    assert halo.json(f"Slot/{slot}")["status"] == "busy"


def test_inactivated_patient_is_not_found(halo: HaloClient) -> None:
    halo.disable("last-updated-offset")
    patient = halo.json("Patient/2")
    assert halo.send("Patient/2", method="PUT", json={**patient, "active": False}).status_code == 200
    assert halo.send("Patient/2").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"resourceType":"Slot"}', b'{"resourceType":"Patient","id":"3"}']
)
def test_update_with_other_content_is_refused(halo: HaloClient, body: bytes) -> None:
    assert halo.send("Patient/2", method="PUT", content=body).status_code == 400


@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 413)])
def test_response_larger_than_limit_gets_413(halo: HaloClient, excess: int, status: int) -> None:
    size = len(halo.send("Patient?_count=10", BRISBANE).content)
    halo.patch_settings(sites={BRISBANE: {"size_limit": size - excess}})
    assert halo.send("Patient?_count=10", BRISBANE).status_code == status


def test_too_large_response_has_halo_error_body(halo: HaloClient) -> None:
    halo.patch_settings(sites={BRISBANE: {"size_limit": 2**20}})
    halo.inject("too-large", site=BRISBANE)
    details = halo.send("Patient", BRISBANE).json()["errorDetails"]
    assert (details["errorType"], details["errorCode"]) == ("http", 413)
    assert details["errorMessage"].endswith("message size limit (1mb)")


def test_elements_apply_to_matches_only(halo: HaloClient) -> None:
    bundle = halo.json("Appointment?_elements=start&_include=Appointment:patient&_count=1")
    (row,), (patient, *_) = matches(bundle), matches(bundle, "include")
    assert set(row) == {"resourceType", "id", "meta", "status", "participant", "start"}
    assert "name" in patient


@pytest.mark.parametrize("status", [202, 304])
def test_later_page_is_empty_by_variant(halo: HaloClient, status: int) -> None:
    halo.set_variants(later_page_status=status)
    first = halo.json("Patient?_count=2")
    page = halo.send(f"Patient?{urlsplit(link_url(first, 'next')).query}")
    assert (page.status_code, page.content) == (status, b"")
