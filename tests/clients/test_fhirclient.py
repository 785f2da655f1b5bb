"""fhirclient (SMART's) walks every page of a search with `_include`; what it collects is the truth."""

import warnings
from importlib import import_module
from typing import Any

import pytest
from clients.truth import LINKS, Found, collected, truth
from conftest import KEY, Pair

from gateway.emulator.sites import PERTH, SYDNEY


def named(module: str, name: str) -> Any:
    """A part of fhirclient, which is not typed and deprecates itself while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(import_module(f"fhirclient.{module}"), name)


Appointment = named("models.appointment", "Appointment")
Patient = named("models.patient", "Patient")


def server(base: str) -> Any:
    found = named("client", "FHIRClient")(settings={"app_id": "test", "api_base": base}).server
    found.session.headers.update(KEY)
    return found


def walked(base: str) -> Found:
    """All pages, each parsed by the client's own strict models."""
    search = Appointment.where({"_include": "Appointment:patient", "_count": "40"})
    return collected(page.as_json() for page in search.perform_iter(server(base)))


@pytest.mark.parametrize("guid", [SYDNEY, PERTH])
def test_all_pages_with_includes_are_the_truth(pair: Pair, guid: str) -> None:
    found = walked(pair.base(guid))
    assert found.pages > 2
    assert found == truth(pair, guid, found.pages)


@pytest.mark.parametrize("links", LINKS, ids=lambda links: "-".join(links.values()))
def test_every_form_of_link_is_followed_to_the_end(pair: Pair, links: dict[str, str]) -> None:
    pair.settings(variants=links)
    found = walked(pair.base())
    assert found == truth(pair, SYDNEY, found.pages)


def test_its_own_page_iterator_follows_our_links(pair: Pair) -> None:
    search = Appointment.where({"_count": "40"})
    found = [each.id for each in search.perform_resources_iter(server(pair.base()))]
    assert sorted(found) == sorted(truth(pair, SYDNEY, 0).matches)


def test_a_read_and_a_refusal_are_understood(pair: Pair) -> None:
    assert Patient.read("1", server(pair.base())).name[0].family == "Zzyzx"
    with pytest.raises(named("server", "FHIRNotFoundException")):
        Patient.read("999999", server(pair.base()))
