import asyncio
from typing import Any

import pytest
from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import READ

from gateway.exchange import FhirRequest, FhirResponse
from gateway.sites.directory import SiteDirectory
from gateway.sites.relocation import PmsIdentity

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"
THIRD = "0a1b2c3d-0000-4000-8000-0000000000ee"
PRACTICE = PmsIdentity("10001", "Best Practice")


def status(guid: str, pms_id: str = "10001", *, authoritative: bool = True) -> dict[str, Any]:
    return {
        "id": guid,
        "availability": "online",
        "authoritative": authoritative,
        "practiceManagementSiteId": pms_id,
    }


class Cloud:
    """Halo Cloud with some sites."""

    def __init__(self, *sites: dict[str, Any]) -> None:
        self.sites = sites
        self.asked: list[str] = []

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.asked.append(request.upstream_url)
        if request.path == "integrator/sites":
            return json_response({"sites": [{"id": each["id"]} for each in self.sites]})
        return json_response(next(each for each in self.sites if request.path.endswith(each["id"])))


def successor(*sites: dict[str, Any]) -> str:
    return asyncio.run(SiteDirectory(Cloud(*sites)).find_successor(READ, PRACTICE))


def test_the_one_authoritative_site_with_the_same_pms_id_is_the_successor() -> None:
    cloud = Cloud(status(GUID), status(NEW))
    assert asyncio.run(SiteDirectory(cloud).find_successor(READ, PRACTICE)) == NEW
    url = "https://api.haloconnect.io/integrator/sites"
    named = "practiceManagementSiteId=10001&practiceManagementName=Best%20Practice"
    assert cloud.asked == [f"{url}?{named}", f"{url}/{NEW}"]


@pytest.mark.parametrize(
    "sites",
    [
        (),
        (status(GUID),),
        (status(NEW, "10002"),),
        (status(NEW, authoritative=False),),
        (status(NEW), status(THIRD)),
    ],
)
def test_a_site_of_another_practice_or_a_doubtful_one_is_none(sites: tuple[dict[str, Any], ...]) -> None:
    assert successor(*sites) == ""


@pytest.mark.parametrize(
    ("body", "online"),
    [({"availability": "online"}, True), ({"availability": "offline"}, False), ({}, None), ([], None)],
)
def test_the_status_says_whether_a_site_is_online(body: object, online: bool | None) -> None:
    async def answer(request: FhirRequest) -> FhirResponse:
        assert request.upstream_url == f"https://api.haloconnect.io/integrator/sites/{GUID}"
        return json_response(body)

    desktop = fhir_request(
        "Patient/1", upstream_base=f"https://api.haloconnect.io/desktop/sites/{GUID}/fhir/R4"
    )
    assert asyncio.run(SiteDirectory(answer).is_online(desktop)) is online
