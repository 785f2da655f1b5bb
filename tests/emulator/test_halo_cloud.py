import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.sites import PERTH, SITES, SYDNEY

LOOK_UP = "/integrator/sites?practiceManagementSiteId={}&practiceManagementName={}"
PAIR = (
    "/integrator/pair-site?practiceManagementSiteId={}&practiceManagementName=Best%20Practice&pairingCode={}"
)


def test_site_lookup_returns_guid(halo: HaloClient) -> None:
    (site,) = halo.json(LOOK_UP.format("10002", "Best Practice"))["sites"]
    assert site["id"] == SYDNEY
    assert set(site) == {"id", "pmsType", "availability", "status", "haloLinkVersion"}


@pytest.mark.parametrize(("pms_id", "name"), [("99", "Best Practice"), ("10002", "Zedmed")])
def test_lookup_of_unknown_practice_returns_empty_list(halo: HaloClient, pms_id: str, name: str) -> None:
    assert halo.json(LOOK_UP.format(pms_id, name)) == {"sites": []}


@pytest.mark.parametrize("query", ["", "?practiceManagementSiteId=1", LOOK_UP.format("1", "Other")[17:]])
def test_lookup_without_both_parameters_is_refused(halo: HaloClient, query: str) -> None:
    response = halo.send(f"/integrator/sites{query}")
    assert response.status_code == 400
    assert response.json()["error"]["statusText"] == "Bad Request"


def test_site_status_has_version_but_no_time_zone(halo: HaloClient) -> None:
    status = halo.json(f"/integrator/sites/{PERTH}")
    assert status["haloLinkVersion"].startswith("23.")
    assert status["practiceMetadata"]["practiceName"] == SITES[PERTH].name
    assert "Australia/" not in str(status)


@pytest.mark.parametrize(("pms_id", "code", "status"), [
    ("10003", "PER003", 200), ("10003", "WRONG", 400), ("99", "PER003", 404),
])  # fmt: skip
def test_pairing_requires_pairing_code(halo: HaloClient, pms_id: str, code: str, status: int) -> None:
    response = halo.send(PAIR.format(pms_id, code), method="POST")
    assert response.status_code == status
    assert (response.json().get("id") == PERTH) == (status == 200)


def test_unknown_integrator_path_is_not_found(halo: HaloClient) -> None:
    response = halo.send("/integrator/nothing")
    assert response.status_code == 404
    assert response.json()["message"] == "Unable to match incoming request to an operation."
