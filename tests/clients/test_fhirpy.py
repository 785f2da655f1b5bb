"""fhirpy walks every page of a search with `_include`; what it collects is the practice's truth."""

from typing import Any

import pytest
from clients.truth import LINKS, Found, collected, truth
from conftest import KEY, Pair
from fhirpy import SyncFHIRClient

from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY


def walked(base: str, **params: Any) -> Found:
    """All pages, each fetched by the `next` link of the one before."""
    client = SyncFHIRClient(base, extra_headers=KEY)
    path, pages = "Appointment", []
    asked: dict[str, Any] | None = params
    while path:
        page = client.execute(path, "get", params=asked)
        pages.append(page)
        asked = None
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return collected(pages)


@pytest.mark.parametrize("guid", [BRISBANE, SYDNEY, PERTH])
def test_all_pages_with_includes_are_the_truth(pair: Pair, guid: str) -> None:
    found = walked(pair.base(guid), _include=["Appointment:patient"], _count=["40"])
    assert found.pages > 2
    assert found == truth(pair, guid, found.pages)


@pytest.mark.parametrize("links", LINKS, ids=lambda links: "-".join(links.values()))
def test_every_form_of_link_is_followed_to_the_end(pair: Pair, links: dict[str, str]) -> None:
    pair.settings(variants=links)
    found = walked(pair.base(), _include=["Appointment:patient"], _count=["40"])
    assert found == truth(pair, SYDNEY, found.pages)


def test_the_same_straight_from_the_emulator_is_not(pair: Pair) -> None:
    """Otherwise this file would prove nothing: without the gateway includes are lost after page one."""
    pair.settings(faults={"link-base-url": False})
    base = f"{pair.emulator.url}/integrator/sites/{SYDNEY}/fhir/R4"
    found = walked(base, _include=["Appointment:patient"], _count=["40"])
    assert found.matches == truth(pair, SYDNEY, found.pages).matches
    assert found.included < truth(pair, SYDNEY, found.pages).included


def test_its_own_page_iterator_follows_our_links(pair: Pair) -> None:
    client = SyncFHIRClient(pair.base(), extra_headers=KEY)
    fetched = client.resources("Appointment").limit(40).fetch_all()
    assert {each["id"] for each in fetched} == truth(pair, SYDNEY, 0).matches
    assert len(fetched) == len(truth(pair, SYDNEY, 0).matches)


def test_the_mounted_site_pages_too(pair: Pair) -> None:
    found = walked(f"{pair.url}/fhir/R4", _include=["Appointment:patient"], _count=["60"])
    assert found == truth(pair, BRISBANE, found.pages)
