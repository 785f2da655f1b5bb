"""Requests are read with their app."""

import pytest
from support.requests import fhir_request

from gateway.apps.recognition import NO_APPS, AppDirectory
from gateway.exchange import FhirRequest
from gateway.http.callers import is_background
from gateway.settings.apps import App
from gateway.web.app_reader import with_app

pytestmark = pytest.mark.anyio
APPS = AppDirectory(
    {
        "board": App(user_agent="Board/*"),
        "night": App.model_validate({"networks": ["10.0.0.0/8"], "batch": True}),
    }
)


async def read(user_agent: str) -> FhirRequest:
    headers = (("ocp-apim-subscription-key", "k"), ("user-agent", user_agent))
    return fhir_request("Patient/1", headers=headers).replace(client_address="10.1.1.1")


async def test_request_has_its_app() -> None:
    request = await with_app(read, APPS)("Board/1")
    assert request.app == "board"
    assert request.headers == (await read("Board/1")).headers


async def test_requests_of_a_batch_app_are_background_work() -> None:
    request = await with_app(read, APPS)("Sync")
    assert request.app == "night"
    assert is_background(request.headers)


async def test_nothing_configured_reads_as_before() -> None:
    assert with_app(read, NO_APPS) is read
    assert (await read("Board/1")).app == ""
