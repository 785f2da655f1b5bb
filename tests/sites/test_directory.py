from typing import Any

import pytest
from support.requests import GUID, fhir_request, json_response, sql_request
from support.scripted_upstream import READ, ScriptedUpstream

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.sites.directory import PmsIdentity, SiteDirectory

pytestmark = pytest.mark.anyio

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"
THIRD = "0a1b2c3d-0000-4000-8000-0000000000ee"
IDENTITY = PmsIdentity("10001", "Best Practice")


def site_status(guid: str, pms_id: str = "10001", *, authoritative: bool = True) -> dict[str, Any]:
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
        self.urls: list[str] = []

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.urls.append(request.upstream_url)
        if request.path == "integrator/sites":
            return json_response({"sites": [{"id": site["id"]} for site in self.sites]})
        return json_response(next(site for site in self.sites if request.path.endswith(site["id"])))


async def test_single_authoritative_site_with_same_pms_id_is_successor() -> None:
    cloud = Cloud(site_status(GUID), site_status(NEW))
    assert await SiteDirectory(cloud).find_successor(READ, IDENTITY) == NEW
    url = "https://api.haloconnect.io/integrator/sites"
    query = "practiceManagementSiteId=10001&practiceManagementName=Best%20Practice"
    assert cloud.urls == [f"{url}?{query}", f"{url}/{NEW}"]


@pytest.mark.parametrize(
    "sites",
    [
        (),
        (site_status(GUID),),
        (site_status(NEW, "10002"),),
        (site_status(NEW, authoritative=False),),
        (site_status(NEW), site_status(THIRD)),
    ],
)
async def test_other_or_ambiguous_site_is_no_successor(sites: tuple[dict[str, Any], ...]) -> None:
    assert await SiteDirectory(Cloud(*sites)).find_successor(READ, IDENTITY) == ""


UNREADABLE = [b"", b"{", b'{"sites":[}', b"[]", b"{}", b'{"sites":"none"}', b'{"sites":[{"id":1}]}', b"\xff"]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_unreadable_directory_is_a_failure(body: bytes) -> None:
    upstream = ScriptedUpstream(FhirResponse(200, body=body).with_upstream_use(UpstreamUse(1, 0.5)))
    with pytest.raises(Failure) as raised:
        await SiteDirectory(upstream).find_successor(READ, IDENTITY)
    assert raised.value.kind.code == "upstream-not-fhir"
    assert raised.value.upstream_use == UpstreamUse(1, 0.5)


async def test_unreadable_status_of_a_candidate_is_a_failure() -> None:
    page = json_response({"sites": [{"id": NEW}]})
    upstream = ScriptedUpstream(page, FhirResponse(200, body=b'{"authoritative":'))
    with pytest.raises(Failure):
        await SiteDirectory(upstream).find_successor(READ, IDENTITY)


@pytest.mark.parametrize("body", [b"", b'{"availability":', b'{"a":' + b"[" * 100_000, b'{"id":"\xff"}'])
async def test_unreadable_status_says_nothing_about_the_site(body: bytes) -> None:
    upstream = ScriptedUpstream(FhirResponse(200, body=body))
    assert await SiteDirectory(upstream).is_online(READ) is None


@pytest.mark.parametrize(
    ("body", "online"),
    [({"availability": "online"}, True), ({"availability": "offline"}, False), ({}, None), ([], None)],
)
async def test_availability_determines_whether_site_is_online(body: object, online: bool | None) -> None:
    async def upstream(request: FhirRequest) -> FhirResponse:
        assert request.upstream_url == f"https://api.haloconnect.io/integrator/sites/{GUID}"
        return json_response(body)

    desktop = fhir_request(
        "Patient/1", upstream_base=f"https://api.haloconnect.io/desktop/sites/{GUID}/fhir/R4"
    )
    assert await SiteDirectory(upstream).is_online(desktop) is online


async def test_status_of_the_site_of_a_sql_query() -> None:
    upstream = ScriptedUpstream(json_response({"availability": "online"}))
    assert await SiteDirectory(upstream).is_online(sql_request()) is True
    assert upstream.requests[0].upstream_url == f"https://api.haloconnect.io/integrator/sites/{GUID}"


@pytest.mark.parametrize(("start", "name"), [("\ufeff", ""), ("", r"\ud83d")])
async def test_directory_is_read_from_unusual_json(start: str, name: str) -> None:
    async def cloud(_: FhirRequest) -> FhirResponse:
        return FhirResponse(200, body=f'{start}{{"name":"{name}","availability":"Online"}}'.encode())

    assert await SiteDirectory(cloud).is_online(READ)
