"""Links of upstream Bundles."""

import pytest
from support.requests import GUID, fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import Position
from gateway.fhir.bundle import Bundle, Link
from gateway.fhir.search_params import parse_search
from gateway.paging.upstream_links import link_positions, self_link_search, shows_criteria

INTERNAL = f"http://10.1.2.3/sites/{GUID}/fhir/R4"


def bundle(**links: str) -> Bundle:
    return Bundle({}, tuple(Link(relation, url, {}) for relation, url in links.items()), ())


@pytest.mark.parametrize("relation", ["previous", "prev"])
def test_links_become_positions_by_r4_relation(relation: str) -> None:
    positions = link_positions(
        fhir_request(), bundle(self="x", next=f"{INTERNAL}/Patient?p=3", **{relation: "?p=1"}), 2
    )
    assert positions == {"next": Position(2, "/Patient?p=3"), "previous": Position(2, "/Patient?p=1")}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/Patient?p=2",
        f"http://h/sites/{GUID[:-1]}b/fhir/R4/Patient",
        "//evil.example/",
        "file:///etc/passwd",
        "http://[",
        f"{INTERNAL}x/Patient",
        "",
    ],
)
def test_link_off_the_sites_base_is_a_failure(url: str) -> None:
    with pytest.raises(Failure) as raised:
        link_positions(fhir_request(), bundle(next=url))
    assert raised.value.kind.status == 502


def test_link_to_another_host_loses_its_host() -> None:
    positions = link_positions(
        fhir_request(), bundle(next=f"https://evil.example/sites/{GUID}/fhir/R4/Patient?p=2")
    )
    assert positions["next"].upstream_link == "/Patient?p=2"


def test_self_link_search_is_read_from_self() -> None:
    search = self_link_search(bundle(next="?p=2", self="https://h/Patient?name=a"))
    assert search is not None
    assert search.query == "name=a"
    assert self_link_search(bundle(next="?p=2")) is None


@pytest.mark.parametrize(
    ("link", "sent", "expected"),
    [
        ("name=a&offset=2", "name=a&_count=2", True),
        ("_count=2&_offset=2", "name=a&_count=2", True),
        ("page=2", "name=a", True),
        ("token=x", "name=a", False),
        ("token=x&_count=2", "name=a&_count=2", False),
        ("token=x&_include=A:b", "name=a&_include=A:b", False),
        ("_getpages=x&_count=2&page=2", "_count=2", False),
        ("", "name=a", False),
        ("", "_include=Immunization:patient", True),
        ("_page_token=x", "_include=Immunization:patient", False),
    ],
)
def test_link_with_a_token_is_opaque(link: str, sent: str, expected: bool) -> None:
    assert shows_criteria(parse_search(link), parse_search(sent)) is expected
