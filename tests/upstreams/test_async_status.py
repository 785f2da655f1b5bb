"""Requests to the origin of an upstream."""

import pytest
from support.requests import fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import Interaction
from gateway.upstreams.async_status import AsyncStatusUrls

pytestmark = pytest.mark.anyio

PUBLIC, FHIR = "https://gw.example/hg", "https://api.example:8443/fhir/R4"


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
    urls: list[str] = []

    async def upstream(request: FhirRequest) -> FhirResponse:
        urls.append(request.upstream_url)
        return FhirResponse(202)

    request = fhir_request("Patient", public_base=PUBLIC, upstream_base=FHIR).replace(
        path=path, interaction=Interaction("operation")
    )
    await AsyncStatusUrls(upstream)(request)
    assert urls == [url]
