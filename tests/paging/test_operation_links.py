"""Page links of operations."""

import json

import pytest
from support.requests import GUID, fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import Position
from gateway.fhir.bundle import Bundle, bundle_from_fields
from gateway.fhir.raw_json import object_fields
from gateway.paging.operation_links import kept_links, operation_positions

GET = fhir_request("Patient/1/$everything")
POST = fhir_request("Patient/1/$everything", method="POST")
BASE = f"http://10.1.2.3/sites/{GUID}/fhir/R4"


def bundle(**links: str) -> Bundle:
    items = [{"relation": relation, "url": url} for relation, url in links.items()]
    return bundle_from_fields(object_fields(json.dumps({"link": items}).encode()))


def test_links_of_pages_become_positions() -> None:
    found = bundle(self=f"{BASE}/Patient", next=f"{BASE}?_getpages=x", stylesheet="https://other.example/css")
    assert operation_positions(GET, found) == {"next": Position(0, "?_getpages=x")}
    assert [link.relation for link in kept_links(found)] == ["stylesheet"]


def test_bundle_without_page_links_has_no_positions() -> None:
    assert operation_positions(GET, bundle(self=f"{BASE}/Patient")) == {}


def test_link_off_the_base_fails_a_read_only() -> None:
    """After a POST, which may have changed data, a failure would hide that."""
    found = bundle(next="https://other.example/Patient")
    assert operation_positions(POST, found) == {}
    with pytest.raises(Failure) as failure:
        operation_positions(GET, found)
    assert failure.value.kind.code == "upstream-link"
