"""fhirpy fetches every page of a search with `_include`, and counts."""

from typing import Any

import pytest
from clients.truth import LINKS, SearchContent, content_of_pages, expected_content
from conftest import KEY, Pair
from fhirpy import SyncFHIRClient

from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY


def fetch_all_pages(base: str, **params: Any) -> SearchContent:
    """Content of all pages, fetched through the `next` links."""
    client = SyncFHIRClient(base, extra_headers=KEY)
    path, pages = "Appointment", []
    page_params: dict[str, Any] | None = params
    while path:
        page = client.execute(path, "get", params=page_params)
        pages.append(page)
        page_params = None
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return content_of_pages(pages)


@pytest.mark.parametrize("guid", [BRISBANE, SYDNEY, PERTH])
def test_all_pages_have_every_match_and_include(pair: Pair, guid: str) -> None:
    content = fetch_all_pages(pair.base(guid), _include=["Appointment:patient"], _count=["40"])
    assert content.pages > 2
    assert content == expected_content(pair, guid, content.pages)


@pytest.mark.parametrize("links", LINKS, ids=lambda links: "-".join(links.values()))
def test_every_link_form_leads_to_the_last_page(pair: Pair, links: dict[str, str]) -> None:
    pair.settings(variants=links)
    content = fetch_all_pages(pair.base(), _include=["Appointment:patient"], _count=["40"])
    assert content == expected_content(pair, SYDNEY, content.pages)


def test_emulator_without_gateway_loses_includes(pair: Pair) -> None:
    # The tests above are meaningful: without the gateway, includes are missing after the first page.
    pair.settings(faults={"link-base-url": False})
    base = f"{pair.emulator.url}/integrator/sites/{SYDNEY}/fhir/R4"
    content = fetch_all_pages(base, _include=["Appointment:patient"], _count=["40"])
    assert content.matches == expected_content(pair, SYDNEY, content.pages).matches
    assert content.included < expected_content(pair, SYDNEY, content.pages).included


def test_page_iterator_of_the_client_follows_the_links(pair: Pair) -> None:
    client = SyncFHIRClient(pair.base(), extra_headers=KEY)
    appointments = client.resources("Appointment").limit(40).fetch_all()
    assert {appointment["id"] for appointment in appointments} == expected_content(pair, SYDNEY, 0).matches
    assert len(appointments) == len(expected_content(pair, SYDNEY, 0).matches)


def test_default_site_pages_too(pair: Pair) -> None:
    content = fetch_all_pages(f"{pair.url}/fhir/R4", _include=["Appointment:patient"], _count=["60"])
    assert content == expected_content(pair, BRISBANE, content.pages)


@pytest.mark.parametrize("unknown_parameter", ["ignore", "ignore-silently"])
def test_count_of_the_client_is_that_of_its_matches(pair: Pair, unknown_parameter: str) -> None:
    pair.settings(variants={"unknown_parameter": unknown_parameter})
    appointments = SyncFHIRClient(pair.base(), extra_headers=KEY).resources("Appointment")
    assert appointments.count() == len(expected_content(pair, SYDNEY, 0).matches)
    booked = appointments.search(status="booked")
    assert 0 < booked.count() == len(booked.fetch_all()) < appointments.count()
