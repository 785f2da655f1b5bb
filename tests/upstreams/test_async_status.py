import asyncio

import pytest
from support.requests import fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import Interaction
from gateway.upstreams.async_status import AsyncStatusUrls

PUBLIC, FHIR = "https://gw.example/hg", "https://api.example/fhir/R4"


def polled(path: str, *headers: tuple[str, str]) -> tuple[str, dict[str, str]]:
    """The URL asked upstream, and the headers of the answer."""
    asked: list[str] = []

    async def upstream(request: FhirRequest) -> FhirResponse:
        asked.append(request.upstream_url)
        return FhirResponse(202, headers)

    request = fhir_request("Patient", public_base=PUBLIC, upstream_base=FHIR).replace(
        path=path, interaction=Interaction("operation")
    )
    response = asyncio.run(AsyncStatusUrls(upstream)(request))
    return asked[0], dict(response.headers)


@pytest.mark.parametrize("name", ["location", "content-location"])
def test_a_status_url_beside_the_base_is_shown_on_ours_and_found_again(name: str) -> None:
    _, headers = polled("Patient", (name, "https://api.example/fhir/RequestResult/7f"))
    assert headers[name] == f"{PUBLIC}/~/fhir/RequestResult/7f"
    assert polled(headers[name].removeprefix(f"{PUBLIC}/"))[0] == "https://api.example/fhir/RequestResult/7f"


@pytest.mark.parametrize(
    "url",
    [
        f"{FHIR}/RequestResult/7f",
        "https://elsewhere.example/fhir/RequestResult/7f",
        "https://api.example/fhir/other/7f",
        "https://api.example/fhir/../x/RequestResult/7 f",
    ],
)
def test_any_other_url_is_left_to_the_repairs(url: str) -> None:
    assert polled("Patient", ("location", url), ("link", url))[1] == {"location": url, "link": url}


def test_what_is_below_the_base_is_asked_there() -> None:
    assert polled("RequestResult/7f")[0] == f"{FHIR}/RequestResult/7f"
