"""OpenAPI document."""

import httpx
import yaml
from conftest import ROOT, Pair

from gateway.web.openapi import openapi_document


def test_packaged_document_equals_that_of_the_repository() -> None:
    assert openapi_document() == (ROOT / "openapi" / "gateway.yaml").read_bytes()


def test_document_is_served_as_yaml_without_credentials(pair: Pair) -> None:
    response = httpx.get(f"{pair.url}/openapi.yaml", trust_env=False)
    assert response.headers["content-type"].startswith("application/yaml")
    assert response.content == openapi_document()
    assert yaml.safe_load(response.content)["openapi"].startswith("3.1")
    assert pair.sent() == []
