import httpx
import yaml
from conftest import ROOT, Pair

from gateway.web.openapi import openapi_document


def test_the_packaged_document_is_the_one_in_the_repository() -> None:
    assert openapi_document() == (ROOT / "openapi" / "gateway.yaml").read_bytes()


def test_it_is_served_as_yaml_without_credentials_or_a_query(pair: Pair) -> None:
    answer = httpx.get(f"{pair.url}/openapi.yaml", trust_env=False)
    assert answer.headers["content-type"].startswith("application/yaml")
    assert answer.content == openapi_document()
    assert yaml.safe_load(answer.content)["openapi"].startswith("3.1")
    assert pair.sent() == []
