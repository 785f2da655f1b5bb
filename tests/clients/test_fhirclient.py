"""fhirclient (of SMART) fetches every page of a search with `_include`."""

import warnings
from importlib import import_module
from typing import Any

import pytest
from clients.truth import LINKS, SearchContent, content_of_pages, expected_content
from conftest import KEY, Pair

from gateway.emulator.sites import PERTH, SYDNEY


def fhirclient_part(module: str, name: str) -> Any:
    """A part of fhirclient, which has no types and raises DeprecationWarning while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(import_module(f"fhirclient.{module}"), name)


Appointment = fhirclient_part("models.appointment", "Appointment")
Patient = fhirclient_part("models.patient", "Patient")


def connect(base: str) -> Any:
    fhir_server = fhirclient_part("client", "FHIRClient")(
        settings={"app_id": "test", "api_base": base}
    ).server
    fhir_server.session.headers.update(KEY)
    return fhir_server


def fetch_all_pages(base: str) -> SearchContent:
    """Content of all pages, parsed by the client's strict models."""
    search = Appointment.where({"_include": "Appointment:patient", "_count": "40"})
    return content_of_pages(page.as_json() for page in search.perform_iter(connect(base)))


@pytest.mark.parametrize("guid", [SYDNEY, PERTH])
def test_all_pages_have_every_match_and_include(pair: Pair, guid: str) -> None:
    content = fetch_all_pages(pair.base(guid))
    assert content.pages > 2
    assert content == expected_content(pair, guid, content.pages)


@pytest.mark.parametrize("links", LINKS, ids=lambda links: "-".join(links.values()))
def test_every_link_form_leads_to_the_last_page(pair: Pair, links: dict[str, str]) -> None:
    pair.settings(variants=links)
    content = fetch_all_pages(pair.base())
    assert content == expected_content(pair, SYDNEY, content.pages)


def test_page_iterator_of_the_client_follows_the_links(pair: Pair) -> None:
    search = Appointment.where({"_count": "40"})
    ids = [appointment.id for appointment in search.perform_resources_iter(connect(pair.base()))]
    assert sorted(ids) == sorted(expected_content(pair, SYDNEY, 0).matches)


def test_read_and_not_found_are_understood(pair: Pair) -> None:
    assert Patient.read("1", connect(pair.base())).name[0].family == "Zzyzx"
    with pytest.raises(fhirclient_part("server", "FHIRNotFoundException")):
        Patient.read("999999", connect(pair.base()))
