"""Status URLs beside the upstream's FHIR base."""

import pytest
from support.requests import fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import Interaction
from gateway.upstreams.async_status import AsyncStatusUrls

pytestmark = pytest.mark.anyio

PUBLIC, FHIR = "https://gw.example/hg", "https://api.example/fhir/R4"


async def poll(path: str, *headers: tuple[str, str]) -> tuple[str, dict[str, str]]:
    """The URL of the upstream request, and the headers of the response."""
    urls: list[str] = []

    async def upstream(request: FhirRequest) -> FhirResponse:
        urls.append(request.upstream_url)
        return FhirResponse(202, headers)

    request = fhir_request("Patient", public_base=PUBLIC, upstream_base=FHIR).replace(
        path=path, interaction=Interaction("operation")
    )
    response = await AsyncStatusUrls(upstream)(request)
    return urls[0], dict(response.headers)


@pytest.mark.parametrize("name", ["location", "content-location"])
async def test_status_url_beside_base_is_mapped_to_gateway_and_back(name: str) -> None:
    _, headers = await poll("Patient", (name, "https://api.example/fhir/RequestResult/7f"))
    assert headers[name] == f"{PUBLIC}/~/fhir/RequestResult/7f"
    assert (await poll(headers[name].removeprefix(f"{PUBLIC}/")))[
        0
    ] == "https://api.example/fhir/RequestResult/7f"


@pytest.mark.parametrize(
    "url",
    [
        f"{FHIR}/RequestResult/7f",
        "https://elsewhere.example/fhir/RequestResult/7f",
        "https://api.example/fhir/other/7f",
        "https://api.example/fhir/../x/RequestResult/7 f",
    ],
)
async def test_other_urls_are_unchanged(url: str) -> None:
    assert (await poll("Patient", ("location", url), ("link", url)))[1] == {"location": url, "link": url}


async def test_path_below_base_is_sent_there() -> None:
    assert (await poll("RequestResult/7f"))[0] == f"{FHIR}/RequestResult/7f"
