from base64 import b64decode

import msgspec
import pytest
from emulator.asking import Halo

from gateway.emulator.sites import PERTH, SITES, SYDNEY

LOOK_UP = "/integrator/sites?practiceManagementSiteId={}&practiceManagementName={}"
PAIR = (
    "/integrator/pair-site?practiceManagementSiteId={}&practiceManagementName=Best%20Practice&pairingCode={}"
)


def test_a_practice_id_is_exchanged_for_a_guid(halo: Halo) -> None:
    (site,) = halo.json(LOOK_UP.format("10002", "Best Practice"))["sites"]
    assert site["id"] == SYDNEY
    assert set(site) == {"id", "pmsType", "availability", "status", "haloLinkVersion"}


@pytest.mark.parametrize(("pms_id", "name"), [("99", "Best Practice"), ("10002", "Zedmed")])
def test_an_unknown_practice_gives_an_empty_list(halo: Halo, pms_id: str, name: str) -> None:
    assert halo.json(LOOK_UP.format(pms_id, name)) == {"sites": []}


@pytest.mark.parametrize("query", ["", "?practiceManagementSiteId=1", LOOK_UP.format("1", "Other")[17:]])
def test_both_parameters_are_needed(halo: Halo, query: str) -> None:
    answer = halo.ask(f"/integrator/sites{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["statusText"] == "Bad Request"


def test_site_status_tells_the_version_but_never_the_zone(halo: Halo) -> None:
    status = halo.json(f"/integrator/sites/{PERTH}")
    assert status["haloLinkVersion"].startswith("23.")
    assert status["practiceMetadata"]["practiceName"] == SITES[PERTH].name
    assert "Australia/" not in str(status)


@pytest.mark.parametrize(("pms_id", "code", "status"), [
    ("10003", "PER003", 200), ("10003", "WRONG", 400), ("99", "PER003", 404),
])  # fmt: skip
def test_pairing_needs_the_code_of_the_practice(halo: Halo, pms_id: str, code: str, status: int) -> None:
    answer = halo.ask(PAIR.format(pms_id, code), method="POST")
    assert answer.status_code == status
    assert (answer.json().get("id") == PERTH) == (status == 200)


def test_an_immediate_query_gives_rows_in_base64(halo: Halo) -> None:
    path = f"/integrator/sites/{SYDNEY}/queries/immediate"
    answer = halo.ask(path, method="POST", json={"command": {"text": "SELECT 1"}}).json()
    assert (answer["status"], answer["mode"], answer["siteId"]) == ("successful", "immediate", SYDNEY)
    rows = msgspec.json.decode(b64decode(answer["result"]["data"]))
    assert len(rows) == answer["result"]["rows"]
    assert halo.emulator.control("GET", "bill")["queries"] == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"command":"SELECT 1"}'])
def test_a_malformed_query_is_refused(halo: Halo, body: bytes) -> None:
    path = f"/integrator/sites/{SYDNEY}/queries/immediate"
    assert halo.ask(path, method="POST", content=body).json()["error"]["message"] == "Malformed SQL"


def test_other_paths_are_no_operation(halo: Halo) -> None:
    answer = halo.ask("/integrator/nothing")
    assert answer.status_code == 404
    assert answer.json()["message"] == "Unable to match incoming request to an operation."
