"""Responses to unknown paths and methods."""

import httpx
import pytest
from conftest import Pair
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.exceptions import HTTPException
from support.asgi import asgi_request

from gateway.web.errors import not_found

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/nowhere", "/fhir", "/fhir/R5/Patient", "/integrator", "/docs/x/y"),
        *("/livez/", "/readyz/", "/openapi.yaml/", "/docs/errors.md/"),
    ],
)
def test_unknown_path_is_404_with_a_hint(pair: Pair, path: str) -> None:
    response = httpx.get(pair.url + path, trust_env=False)
    assert response.status_code == 404
    assert OperationOutcome.model_validate_json(response.text)
    assert "/openapi.yaml" in response.json()["issue"][0]["details"]["text"]
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
def test_unknown_path_has_the_default_headers(pair: Pair, method: str, path: str) -> None:

    response = httpx.request(method, pair.url + path, headers={"x-request-id": "trace-7"}, trust_env=False)
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert response.headers["x-intermediary"] == "halo-gateway"
    assert response.headers["x-request-id"] == "trace-7"
    assert response.headers["cache-control"] == "no-store"


def test_head_of_unknown_path_has_no_body(pair: Pair) -> None:
    response = httpx.head(f"{pair.url}/nowhere", trust_env=False)
    assert (response.status_code, response.content) == (404, b"")


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
def test_browser_gets_a_page_with_the_same_text(pair: Pair, method: str, path: str, status: int) -> None:
    fields = {"accept": BROWSER, "x-request-id": "trace-7"}
    page = httpx.request(method, pair.url + path, headers=fields, trust_env=False)
    outcome = httpx.request(method, pair.url + path, trust_env=False)
    assert page.status_code == outcome.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers.get("allow") == outcome.headers.get("allow")
    assert page.headers["x-request-id"] == "trace-7"
    assert outcome.json()["issue"][0]["details"]["text"] in page.text


@pytest.mark.parametrize("path", ["/fhir/R5/Patient", "/integrator/sites/x/fhir/STU3/Patient", "/fhir"])
def test_browser_gets_the_outcome_below_fhir(pair: Pair, path: str) -> None:
    response = httpx.get(pair.url + path, headers={"accept": BROWSER}, trust_env=False)
    assert (response.status_code, response.json()["resourceType"]) == (404, "OperationOutcome")


async def test_wrong_method_has_an_allow_header() -> None:
    error = HTTPException(405, headers={"Allow": "GET, HEAD"})
    response = await not_found(asgi_request("/livez", method="POST"), error)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


async def test_other_exception_is_raised_again() -> None:
    with pytest.raises(ZeroDivisionError):
        await not_found(asgi_request(), ZeroDivisionError())
