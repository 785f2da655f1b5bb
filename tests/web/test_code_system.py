import asyncio

import msgspec
from support.asgi import scoped

from gateway.web.code_system import code_system_endpoint
from gateway.web.error_codes import all_kinds


def test_it_names_every_code_that_a_client_can_meet() -> None:
    response = asyncio.run(code_system_endpoint(scoped()))
    concepts = msgspec.json.decode(bytes(response.body))["concept"]
    assert {each["code"] for each in concepts} == {kind.code for kind in all_kinds()}


def test_it_comes_under_the_type_that_was_asked_for() -> None:
    plain = asyncio.run(code_system_endpoint(scoped(query="_format=application/json")))
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    assert plain.headers["x-intermediary"] == "halo-gateway"
    assert plain.headers["x-request-id"]


def test_it_comes_as_json_only() -> None:
    response = asyncio.run(code_system_endpoint(scoped(headers={"accept": "text/html"})))
    assert response.status_code == 406
    assert b'"OperationOutcome"' in bytes(response.body)
