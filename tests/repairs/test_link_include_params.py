import pytest
from support.requests import fhir_request

from gateway.fhir.bundle import Link
from gateway.repairs.link_include_params import restore_includes

QUERY = "name=a&_include=Appointment:patient&_revinclude:iterate=Condition:patient&_count=2"


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        (
            "https://h/P?token=x",
            "https://h/P?token=x&_include=Appointment:patient&_revinclude:iterate=Condition:patient",
        ),
        ("https://h/P", "https://h/P?_include=Appointment:patient&_revinclude:iterate=Condition:patient"),
        (
            "?p=2&_include=Appointment%3Apatient",
            "?p=2&_include=Appointment%3Apatient&_revinclude:iterate=Condition:patient",
        ),
        ("https://h/P?" + QUERY, "https://h/P?" + QUERY),
    ],
)
def test_what_the_link_lost_is_put_back_and_what_it_kept_is_not_doubled(broken: str, repaired: str) -> None:
    request = fhir_request("Appointment", QUERY)
    (link,) = restore_includes(request, (Link("next", broken, {}),))
    assert link.url == repaired


def test_repairing_twice_changes_nothing_the_second_time() -> None:
    request = fhir_request("Appointment", QUERY)
    once = restore_includes(request, (Link("next", "?p=2", {}), Link("self", "?p=1", {})))
    assert restore_includes(request, once) is once


def test_a_posted_search_gets_its_includes_into_the_link() -> None:
    request = fhir_request("Appointment/_search", "", "POST", form="_include=Appointment%3Apatient")
    (link,) = restore_includes(request, (Link("next", "?p=2", {}),))
    assert link.url == "?p=2&_include=Appointment%3Apatient"


@pytest.mark.parametrize("request_", [fhir_request("Appointment", "date=2024"), fhir_request("Patient/1")])
def test_without_includes_nothing_is_touched(request_: object) -> None:
    links = (Link("next", "?p=2", {}),)
    assert restore_includes(request_, links) is links  # type: ignore[arg-type]
