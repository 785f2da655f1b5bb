"""Requests to the origin of an upstream."""

import pytest
from support.requests import LABS, fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import Interaction
from gateway.upstreams.async_status import AsyncStatusUrls

pytestmark = pytest.mark.anyio

PUBLIC, FHIR = "https://gw.example/hg", "https://api.example:8443/fhir/R4"


async def exchange(path: str, *headers: tuple[str, str]) -> tuple[str, FhirResponse]:
    """The URL of the upstream request, and the response."""
    urls: list[str] = []

    async def upstream(request: FhirRequest) -> FhirResponse:
        urls.append(request.upstream_url)
        return FhirResponse(202, headers)

    request = fhir_request("Patient", site=LABS, public_base=PUBLIC, upstream_base=FHIR).replace(
        path=path, interaction=Interaction("operation")
    )
    response = await AsyncStatusUrls(upstream)(request)
    return urls[0], response


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("~/fhir/RequestResult/7f", "https://api.example:8443/fhir/RequestResult/7f"),
        ("~/oauth/token", "https://api.example:8443/oauth/token"),
        ("~", "https://api.example:8443"),
        ("~x/1", f"{FHIR}/~x/1"),
        ("RequestResult/7f", f"{FHIR}/RequestResult/7f"),
        ("", FHIR),
    ],
)
async def test_only_paths_behind_tilde_are_sent_to_the_origin(path: str, url: str) -> None:
    assert (await exchange(path))[0] == url


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://api.example:8443/storage/1?sig=a", f"{PUBLIC}/~/storage/1?sig=a"),
        (f"{FHIR}/Binary/1", f"{PUBLIC}/Binary/1"),
        ("/storage/1", f"{PUBLIC}/~/storage/1"),
        ("2", f"{PUBLIC}/~/downloads/2"),
        ("https://bucket.example/1", "https://bucket.example/1"),
    ],
)
async def test_headers_of_the_origin_name_urls_of_the_gateway(location: str, expected: str) -> None:
    fields = ("location", location), ("content-location", location), ("etag", location)
    headers = (await exchange("~/downloads/1", *fields))[1].headers
    assert headers == (("location", expected), ("content-location", expected), ("etag", location))


async def test_headers_of_the_base_are_left_to_the_repair() -> None:
    fields = (("location", f"{FHIR}/Binary/1"),)
    assert (await exchange("Patient", *fields))[1].headers == fields
