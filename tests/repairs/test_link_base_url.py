import json

import pytest
from conftest import Pair
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from support.requests import GUID, fhir_request

from gateway.fhir.bundle import Entry, Link
from gateway.fhir.raw_json import string_json
from gateway.http.urls import resolve_public_url
from gateway.repairs.link_base_url import rebase_full_url, rebase_links

BASE = f"https://gw.example/integrator/sites/{GUID}/fhir/R4"
INTERNAL = f"http://10.1.2.3/sites/{GUID}/fhir/R4"


def test_links_and_full_urls_move_to_gateway_base_once() -> None:
    request = fhir_request("Patient")
    links = rebase_links(request, (Link("next", f"{INTERNAL}/Patient?p=2", {}),))
    entry = rebase_full_url(request, Entry({"fullUrl": string_json(f"{INTERNAL}/Patient/1")}))
    assert links[0].url == f"{BASE}/Patient?p=2"
    assert entry.full_url == f"{BASE}/Patient/1"
    assert rebase_links(request, links) is links
    assert rebase_full_url(request, entry) is entry


def test_other_servers_and_urns_are_unchanged() -> None:
    request = fhir_request("Patient")
    for url in ("urn:uuid:0a1b2c3d-0000-4000-8000-000000000001", "https://other.example/fhir/Patient/1", ""):
        entry = Entry({"fullUrl": string_json(url)})
        assert rebase_full_url(request, entry) is entry


def is_repaired(pair: Pair, straight: bool) -> bool:
    page = (pair.straight if straight else pair.get)("Patient?_count=1").json()
    return pair.url in page["link"][0]["url"]


@pytest.mark.parametrize(
    "base",
    [
        "https://api.example/sites/a b/R4",
        "https://gw.example/r4/inner",
        "https://gw.example/r4",
        'https://a"b/R4',
    ],
)
@given(
    rest=st.one_of(st.text(), st.from_regex(r"/(Patient|Slot)/[a-z\\\"\u00e9]{0,9}", fullmatch=True)),
    escapes=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_spelling_of_full_url_becomes_the_same_url(base: str, rest: str, *, escapes: bool) -> None:
    """The quick way by the prefix of the JSON gives what decoding the URL gives."""
    request = fhir_request("Patient").replace(upstream_base=base, public_base="https://gw.example/r4")
    url = (base + rest).encode("utf-8", "replace").decode()
    entry = Entry({"fullUrl": Raw(json.dumps(url, ensure_ascii=escapes).encode())})
    rebased, expected = rebase_full_url(request, entry), resolve_public_url(request, url)
    assert rebased.full_url == expected
    assert rebased is entry or rebased.fields["fullUrl"] == string_json(expected)
