import pytest
from emulator.asking import KEY, Halo

from gateway.emulator.sites import BRISBANE, PERTH, RELOCATED_SITE, SYDNEY

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("headers", "word"),
    [({"Ocp-Apim-Subscription-Key": ""}, "missing"), ({"Ocp-Apim-Subscription-Key": "wrong"}, "invalid")],
)
@pytest.mark.parametrize("path", ["Patient", "/integrator/sites", f"/integrator/sites/{SYDNEY}"])
def test_without_a_good_key_azure_answers(halo: Halo, path: str, headers: dict[str, str], word: str) -> None:
    answer = halo.ask(path, headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"statusCode", "message"}
    assert f"{word} subscription key" in answer.json()["message"]


@pytest.mark.parametrize("key", ["demo-key", "other-key"])
def test_both_keys_of_the_demonstration_are_good(halo: Halo, key: str) -> None:
    assert halo.ask("Patient", headers={"Ocp-Apim-Subscription-Key": key}).status_code == 200


@pytest.mark.parametrize(
    ("guid", "status", "field"),
    [(UNKNOWN, 401, "error"), (RELOCATED_SITE, 403, "error"), ("not-a-guid", 404, "statusCode")],
)
def test_a_site_that_is_not_here_is_refused(halo: Halo, guid: str, status: int, field: str) -> None:
    answer = halo.ask("Patient", guid)
    assert answer.status_code == status
    assert field in answer.json()


def test_a_missing_guid_is_a_general_error(halo: Halo) -> None:
    answer = halo.ask("/integrator/sites//fhir/R4/Patient")
    assert answer.status_code == 400
    assert set(answer.json()) == {"status", "statusText", "message"}


def test_the_older_url_form_still_works(halo: Halo) -> None:
    assert halo.ask(f"/api/sites/{SYDNEY}/fhir/R4/Patient/1").status_code == 200


def test_guids_are_taken_in_either_case(halo: Halo) -> None:
    assert halo.ask("Patient/1", BRISBANE.upper()).status_code == 200


def test_what_was_sent_is_written_down(halo: Halo) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    halo.ask("Patient/_search?_count=2", method="POST", content="name=d%27Angelo&gender=", headers=form)
    (written,) = halo.emulator.control("GET", "requests")
    assert written["method"] == "POST"
    assert written["path"] == f"/integrator/sites/{SYDNEY}/fhir/R4/Patient/_search"
    assert (written["query"], written["parameters"]) == ("_count=2", [["_count", "2"]])
    assert written["body"] == [["name", "d'Angelo"], ["gender", ""]]
    assert written["headers"]["ocp-apim-subscription-key"] == "demo-key"
    assert (written["status"], written["charge"]) == (200, "paid")


def test_an_error_inside_200_is_written_down_as_what_it_is(halo: Halo) -> None:
    assert halo.ask("Patient/99999", PERTH).status_code == 200
    (written,) = halo.emulator.control("GET", "requests")
    assert (written["status"], written["charge"]) == (404, "paid")


def bill(halo: Halo) -> tuple[int, int, int]:
    bill = halo.emulator.control("GET", "bill")
    return bill["queries"], bill["bytes"], bill["free"]


def test_a_query_costs_itself_and_its_bytes(halo: Halo) -> None:
    size = len(halo.ask("Patient").content) + len(halo.ask("Patient/1").content)
    assert bill(halo) == (2, size, 0)


@pytest.mark.parametrize("path", ["metadata", f"/integrator/sites/{SYDNEY}"])
def test_what_asks_no_practice_is_free(halo: Halo, path: str) -> None:
    halo.ask(path)
    assert bill(halo) == (0, 0, 1)


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
        ("login-failed", 1),
    ],
)
def test_only_what_was_attempted_costs(halo: Halo, kind: str, queries: int) -> None:
    halo.fault(kind, per_second=0)
    halo.ask("Patient")
    assert bill(halo)[0] == queries


def test_refused_keys_cost_nothing_and_refused_searches_cost_one(halo: Halo) -> None:
    halo.ask("Patient", headers={"Ocp-Apim-Subscription-Key": "wrong"})
    assert bill(halo)[0] == 0
    halo.ask("Patient?birthdate=1980")
    assert bill(halo)[0] == 1


def test_the_bill_has_a_line_per_key_site_and_path(halo: Halo) -> None:
    halo.ask("Patient?name=a")
    halo.ask("Patient?name=b")
    halo.ask("Patient/1", PERTH, headers={"Ocp-Apim-Subscription-Key": "other-key"})
    lines = halo.emulator.control("GET", "bill")["lines"]
    assert [(line["key"], line["site"], line["path"], line["queries"]) for line in lines] == [
        ("demo-key", SYDNEY, "Patient", 2),
        ("other-key", PERTH, "Patient/1", 1),
    ]
    halo.emulator.control("DELETE", "bill")
    assert bill(halo) == (0, 0, 0)


def test_metadata_does_not_touch_the_practice(halo: Halo) -> None:
    halo.ask("metadata")
    practice = halo.emulator.app.state.emulator.practices[SYDNEY]
    assert "tables" not in practice.__dict__
    halo.ask("Patient/1", headers=KEY)
    assert "tables" in practice.__dict__


def test_percent_escapes_in_paths_are_understood(halo: Halo) -> None:
    assert halo.ask("Slot/%24find-free?start=2026-04-03").status_code == 200
    assert halo.ask("Patient/%31").json()["id"] == "1"
