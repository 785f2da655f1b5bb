import pytest
from emulator.halo_client import KEY, HaloClient

from gateway.emulator.sites import BRISBANE, PERTH, RELOCATED_SITE, SYDNEY

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("headers", "word"),
    [({"Ocp-Apim-Subscription-Key": ""}, "missing"), ({"Ocp-Apim-Subscription-Key": "wrong"}, "invalid")],
)
@pytest.mark.parametrize("path", ["Patient", "/integrator/sites", f"/integrator/sites/{SYDNEY}"])
def test_invalid_key_gets_azure_401(halo: HaloClient, path: str, headers: dict[str, str], word: str) -> None:
    response = halo.send(path, headers=headers)
    assert response.status_code == 401
    assert set(response.json()) == {"statusCode", "message"}
    assert f"{word} subscription key" in response.json()["message"]


@pytest.mark.parametrize("key", ["demo-key", "other-key"])
def test_default_keys_are_accepted(halo: HaloClient, key: str) -> None:
    assert halo.send("Patient", headers={"Ocp-Apim-Subscription-Key": key}).status_code == 200


@pytest.mark.parametrize(
    ("guid", "status", "field"),
    [(UNKNOWN, 401, "error"), (RELOCATED_SITE, 403, "error"), ("not-a-guid", 404, "statusCode")],
)
def test_unusable_guid_is_refused(halo: HaloClient, guid: str, status: int, field: str) -> None:
    response = halo.send("Patient", guid)
    assert response.status_code == status
    assert field in response.json()


def test_missing_guid_gets_flat_400(halo: HaloClient) -> None:
    response = halo.send("/integrator/sites//fhir/R4/Patient")
    assert response.status_code == 400
    assert set(response.json()) == {"status", "statusText", "message"}


def test_older_api_path_is_supported(halo: HaloClient) -> None:
    assert halo.send(f"/api/sites/{SYDNEY}/fhir/R4/Patient/1").status_code == 200


def test_guid_in_url_is_case_insensitive(halo: HaloClient) -> None:
    assert halo.send("Patient/1", BRISBANE.upper()).status_code == 200


def test_journal_entry_contains_the_request(halo: HaloClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    halo.send("Patient/_search?_count=2", method="POST", content="name=d%27Angelo&gender=", headers=form)
    (entry,) = halo.emulator.control("GET", "requests")
    assert entry["method"] == "POST"
    assert entry["path"] == f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/_search"
    assert (entry["query"], entry["parameters"]) == ("_count=2", [["_count", "2"]])
    assert entry["body"] == [["name", "d'Angelo"], ["gender", ""]]
    assert entry["headers"]["ocp-apim-subscription-key"] == "demo-key"
    assert (entry["status"], entry["charge"]) == (200, "paid")


def test_journal_has_status_of_error_inside_200(halo: HaloClient) -> None:
    assert halo.send("Patient/99999", PERTH).status_code == 200
    (entry,) = halo.emulator.control("GET", "requests")
    assert (entry["status"], entry["charge"]) == (404, "paid")


def bill_totals(halo: HaloClient) -> tuple[int, int, int]:
    bill = halo.emulator.control("GET", "bill")
    return bill["queries"], bill["bytes"], bill["free"]


def test_query_is_billed_with_response_bytes(halo: HaloClient) -> None:
    size = len(halo.send("Patient").content) + len(halo.send("Patient/1").content)
    assert bill_totals(halo) == (2, size, 0)


@pytest.mark.parametrize("path", ["metadata", f"/integrator/sites/{SYDNEY}"])
def test_metadata_and_site_status_are_free(halo: HaloClient, path: str) -> None:
    halo.send(path)
    assert bill_totals(halo) == (0, 0, 1)


@pytest.mark.parametrize(
    ("kind", "queries"),
    [
        ("no-contact", 0),
        ("offline", 0),
        ("unreachable", 0),
        ("rate-limit", 0),
        ("quota", 0),
        ("caller-ip", 0),
        ("slow-query", 1),
        ("too-large", 1),
        ("login-failed", 0),
    ],
)
def test_fault_is_billed_if_it_reached_the_practice(halo: HaloClient, kind: str, queries: int) -> None:
    halo.inject(kind, per_second=0)
    halo.send("Patient")
    assert bill_totals(halo)[0] == queries


def test_refused_search_is_billed_and_refused_key_is_not(halo: HaloClient) -> None:
    halo.send("Patient", headers={"Ocp-Apim-Subscription-Key": "wrong"})
    assert bill_totals(halo)[0] == 0
    halo.send("Patient?birthdate=1980")
    assert bill_totals(halo)[0] == 1


def test_bill_has_line_per_key_site_and_path(halo: HaloClient) -> None:
    halo.send("Patient?name=a")
    halo.send("Patient?name=b")
    halo.send("Patient/1", PERTH, headers={"Ocp-Apim-Subscription-Key": "other-key"})
    lines = halo.emulator.control("GET", "bill")["lines"]
    assert [(line["key"], line["site"], line["path"], line["queries"]) for line in lines] == [
        ("demo-key", SYDNEY, "Patient", 2),
        ("other-key", PERTH, "Patient/1", 1),
    ]
    halo.emulator.control("DELETE", "bill")
    assert bill_totals(halo) == (0, 0, 0)


def test_metadata_does_not_generate_practice_data(halo: HaloClient) -> None:
    halo.send("metadata")
    practice = halo.emulator.app.state.emulator.practices[SYDNEY]
    assert "tables" not in practice.__dict__
    halo.send("Patient/1", headers=KEY)
    assert "tables" in practice.__dict__


def test_percent_encoded_path_is_decoded(halo: HaloClient) -> None:
    assert halo.send("Slot/%24find-free?start=2026-04-03").status_code == 200
    assert halo.send("Patient/%31").json()["id"] == "1"
