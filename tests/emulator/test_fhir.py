from typing import Any
from urllib.parse import urlencode

import pytest
from emulator.asking import Halo, matches

from gateway.emulator.sites import BRISBANE, SYDNEY

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def searched(halo: Halo, url: str, body: str) -> Any:
    answer = halo.ask(f"Patient/_search{url}", method="POST", content=body, headers=FORM)
    assert answer.status_code == 200
    return answer.json()


def test_a_post_search_finds_what_a_get_search_finds(halo: Halo) -> None:
    assert searched(halo, "", "gender=female&_count=5") == halo.json("Patient?gender=female&_count=5")


def test_url_and_body_of_a_post_search_count_together(halo: Halo) -> None:
    both = searched(halo, "?gender=female", urlencode({"birthdate": "ge1980-01-01"}))
    assert both["total"] == halo.json("Patient?gender=female&birthdate=ge1980-01-01")["total"]


@pytest.mark.parametrize("path", ["Patient", "Patient/1", "metadata", "Patient/1/$summary"])
def test_head_answers_as_get_without_a_body(halo: Halo, path: str) -> None:
    head, get = halo.ask(path, method="HEAD"), halo.ask(path)
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
def test_what_halo_has_not_is_not_found(halo: Halo, method: str, path: str) -> None:
    body = {"resourceType": "Patient", "id": "99999"} if method == "PUT" else None
    assert halo.ask(path, method=method, json=body).status_code == 404


def test_vread_works_where_a_site_has_it(halo: Halo) -> None:
    halo.variants(vread=True)
    assert halo.json("Patient/1/_history/1") == halo.json("Patient/1")


def test_fhir_json_is_labelled_so_when_asked_for(halo: Halo) -> None:
    plain = halo.ask("Patient/1")
    fhir = halo.ask("Patient/1", headers={"Accept": "application/fhir+json"})
    assert plain.headers["content-type"].startswith("application/json")
    assert fhir.headers["content-type"].startswith("application/fhir+json")


def test_a_created_patient_can_be_read_found_and_updated(halo: Halo) -> None:
    halo.off("link-base-url", "last-updated-offset")
    made = halo.ask(
        "Patient", method="POST", json={"resourceType": "Patient", "name": [{"family": "Quokka"}]}
    )
    assert made.status_code == 201
    identity = made.json()["id"]
    assert made.headers["location"] == f"{halo.emulator.url}{halo.base(SYDNEY)}/Patient/{identity}"
    assert halo.ids("Patient?family=quokka") == [identity]
    changed = {**made.json(), "name": [{"family": "Numbat"}]}
    assert halo.ask(f"Patient/{identity}", method="PUT", json=changed).status_code == 200
    assert halo.ids("Patient?family=quokka") == []
    assert halo.ids("Patient?family=numbat") == [identity]


def test_a_booked_appointment_can_be_found_and_its_slot_is_gone(halo: Halo) -> None:
    slot = halo.ids("Slot?status=free&start=ge2026-06-22&_count=1")[0]
    booking = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot}"}],
        "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
    }
    made = halo.ask("Appointment", method="POST", json=booking)
    assert made.status_code == 201
    assert halo.ids(f"Appointment?slot=Slot/{slot}") == [made.json()["id"]]
    assert halo.json(f"Slot/{slot}")["status"] == "busy"


def test_a_patient_made_inactive_vanishes(halo: Halo) -> None:
    halo.off("last-updated-offset")
    patient = halo.json("Patient/2")
    assert halo.ask("Patient/2", method="PUT", json={**patient, "active": False}).status_code == 200
    assert halo.ask("Patient/2").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"resourceType":"Slot"}', b'{"resourceType":"Patient","id":"3"}']
)
def test_an_update_that_is_not_this_patient_is_refused(halo: Halo, body: bytes) -> None:
    assert halo.ask("Patient/2", method="PUT", content=body).status_code == 400


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 413)])
def test_an_answer_may_be_as_large_as_the_limit(halo: Halo, over: int, status: int) -> None:
    size = len(halo.ask("Patient?_count=10", BRISBANE).content)
    halo.set(sites={BRISBANE: {"size_limit": size - over}})
    assert halo.ask("Patient?_count=10", BRISBANE).status_code == status


def test_too_large_an_answer_is_told_in_halos_words(halo: Halo) -> None:
    halo.set(sites={BRISBANE: {"size_limit": 2**20}})
    halo.fault("too-large", site=BRISBANE)
    details = halo.ask("Patient", BRISBANE).json()["errorDetails"]
    assert (details["errorType"], details["errorCode"]) == ("http", 413)
    assert details["errorMessage"].endswith("message size limit (1mb)")


def test_elements_trim_matches_but_not_includes(halo: Halo) -> None:
    bundle = halo.json("Appointment?_elements=start&_include=Appointment:patient&_count=1")
    (row,), (patient, *_) = matches(bundle), matches(bundle, "include")
    assert set(row) == {"resourceType", "id", "meta", "status", "participant", "start"}
    assert "name" in patient
