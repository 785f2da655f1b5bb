import asyncio

import httpx
import pytest
from conftest import Pair
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.exceptions import HTTPException
from support.asgi import scoped

from gateway.web.errors import not_found


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/nowhere", "/fhir", "/fhir/R5/Patient", "/integrator", "/docs/x/y"),
        *("/livez/", "/readyz/", "/openapi.yaml/", "/docs/errors.md/"),
    ],
)
def test_an_unknown_path_is_an_outcome_that_says_where_to_look(pair: Pair, path: str) -> None:
    answer = httpx.get(pair.url + path, trust_env=False)
    assert answer.status_code == 404
    assert OperationOutcome.model_validate_json(answer.text)
    assert "/openapi.yaml" in answer.json()["issue"][0]["details"]["text"]
    assert pair.sent() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/livez"),
        ("GET", "/nowhere"),
        ("DELETE", "/openapi.yaml"),
        ("GET", "/CodeSystem/gateway-error"),
    ],
)
def test_these_answers_carry_the_headers_of_every_other(pair: Pair, method: str, path: str) -> None:
    """Who reads logs needs the id of a refused request most of all."""
    answer = httpx.request(method, pair.url + path, headers={"x-request-id": "trace-7"}, trust_env=False)
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["x-intermediary"] == "halo-gateway"
    assert answer.headers["x-request-id"] == "trace-7"
    assert answer.headers["cache-control"] == "no-store"


def test_head_of_an_unknown_path_has_no_body(pair: Pair) -> None:
    answer = httpx.head(f"{pair.url}/nowhere", trust_env=False)
    assert (answer.status_code, answer.content) == (404, b"")


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/favicon.ico", 404),
        ("POST", "/", 405),
        ("GET", "/docs/none.md", 404),
    ],
)
def test_a_browser_gets_a_page_that_says_the_same(pair: Pair, method: str, path: str, status: int) -> None:
    fields = {"accept": BROWSER, "x-request-id": "trace-7"}
    page = httpx.request(method, pair.url + path, headers=fields, trust_env=False)
    outcome = httpx.request(method, pair.url + path, trust_env=False)
    assert page.status_code == outcome.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers.get("allow") == outcome.headers.get("allow")
    assert page.headers["x-request-id"] == "trace-7"
    assert outcome.json()["issue"][0]["details"]["text"] in page.text


@pytest.mark.parametrize("path", ["/fhir/R5/Patient", "/integrator/sites/x/fhir/STU3/Patient", "/fhir"])
def test_below_fhir_a_browser_gets_the_outcome_too(pair: Pair, path: str) -> None:
    answer = httpx.get(pair.url + path, headers={"accept": BROWSER}, trust_env=False)
    assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


def test_a_wrong_method_keeps_its_allow() -> None:
    problem = HTTPException(405, headers={"Allow": "GET, HEAD"})
    answer = asyncio.run(not_found(scoped("/livez", method="POST"), problem))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_what_is_no_http_exception_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(not_found(scoped(), ZeroDivisionError()))
