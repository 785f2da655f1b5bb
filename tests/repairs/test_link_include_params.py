import pytest
from conftest import Pair
from support.requests import fhir_request

from gateway.fhir.bundle import Link
from gateway.repairs.link_include_params import restore_includes

QUERY = "name=a&_include=Appointment:patient&_revinclude:iterate=Condition:patient&_count=2"


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        (
            "https://h/P?name=a&offset=2",
            "https://h/P?name=a&offset=2&_include=Appointment:patient&_revinclude:iterate=Condition:patient",
        ),
        (
            "?p=2&_include=Appointment%3Apatient",
            "?p=2&_include=Appointment%3Apatient&_revinclude:iterate=Condition:patient",
        ),
        ("https://h/P?" + QUERY, "https://h/P?" + QUERY),
    ],
)
def test_lost_includes_are_restored_without_duplicates(broken: str, repaired: str) -> None:
    request = fhir_request("Appointment", QUERY)
    (link,) = restore_includes(request, (Link("next", broken, {}),))
    assert link.url == repaired


@pytest.mark.parametrize("url", ["https://h/P?token=x", "https://h/P?token=x&_count=2", "https://h/P"])
@pytest.mark.parametrize("self_url", ["", "https://h/P", "https://h/P?token=y", "https://h/P?" + QUERY])
def test_opaque_link_stays_as_it_is(url: str, self_url: str) -> None:
    links = (Link("self", self_url, {}), Link("next", url, {}))
    assert restore_includes(fhir_request("Appointment", QUERY), links) is links


def test_opaque_link_gets_the_includes_that_self_has_lost() -> None:
    links = (Link("self", "https://h/P?name=a", {}), Link("next", "https://h/P?token=x", {}))
    (_, link) = restore_includes(fhir_request("Appointment", QUERY), links)
    assert (
        link.url == "https://h/P?token=x&_include=Appointment:patient&_revinclude:iterate=Condition:patient"
    )


def test_repeated_repair_changes_nothing() -> None:
    request = fhir_request("Appointment", QUERY)
    links = restore_includes(request, (Link("next", "?p=2", {}), Link("self", "?p=1", {})))
    assert restore_includes(request, links) is links


def test_includes_of_posted_search_are_added_to_link() -> None:
    request = fhir_request("Appointment/_search", "", "POST", form="_include=Appointment%3Apatient")
    (link,) = restore_includes(request, (Link("next", "?_page=2", {}),))
    assert link.url == "?_page=2&_include=Appointment%3Apatient"


@pytest.mark.parametrize("request_", [fhir_request("Appointment", "date=2024"), fhir_request("Patient/1")])
def test_links_without_includes_are_unchanged(request_: object) -> None:
    links = (Link("next", "?p=2", {}),)
    assert restore_includes(request_, links) is links  # type: ignore[arg-type]


def is_repaired(pair: Pair, straight: bool) -> bool:
    query = "Appointment?date=ge2026-01-01&_include=Appointment:patient&_count=5"
    page = (pair.straight if straight else pair.get)(query).json()
    url = next(link["url"] for link in page["link"] if link["relation"] == "next")
    second = pair.straight(url.partition("/fhir/R4/")[2]) if straight else pair.ask("GET", url)
    return any(entry["resource"]["resourceType"] == "Patient" for entry in second.json()["entry"])
