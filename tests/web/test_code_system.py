"""Endpoint of the CodeSystem of failure codes."""

import msgspec
import pytest
from support.asgi import asgi_request

from gateway.web.code_system import code_system_endpoint
from gateway.web.error_codes import all_kinds

pytestmark = pytest.mark.anyio


async def test_code_system_contains_every_code() -> None:
    response = await code_system_endpoint(asgi_request())
    concepts = msgspec.json.decode(bytes(response.body))["concept"]
    assert {concept["code"] for concept in concepts} == {kind.code for kind in all_kinds()}


async def test_code_system_has_the_requested_media_type() -> None:
    response = await code_system_endpoint(asgi_request(query="_format=application/json"))
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-intermediary"] == "halo-gateway"
    assert response.headers["x-request-id"]


async def test_code_system_as_html_is_not_acceptable() -> None:
    response = await code_system_endpoint(asgi_request(headers={"accept": "text/html"}))
    assert response.status_code == 406
    assert b'"OperationOutcome"' in bytes(response.body)
