"""Page links for every form of upstream links, compared with the emulator's data."""

from typing import Any, get_args

import pytest
from conftest import Pair, settings_for
from fhir.resources.R4B.bundle import Bundle
from pydantic import SecretStr
from structlog.testing import capture_logs
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.settings import LinkForm
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Paging

QUERY = (
    "gender=female&_sort=birthdate&_count=3&_elements=name,birthDate,gender&_revinclude=Condition:patient"
    "&_include=Patient:general-practitioner"
)
FORM = {"content_type": "application/x-www-form-urlencoded"}
Page = dict[str, Any]


def active_resources(pair: Pair, kind: str) -> list[dict[str, Any]]:
    rows = pair.emulator.control("GET", f"truth/{SYDNEY}/{kind}")
    return [row["resource"] for row in rows if row["active"]]


def link_url(page: Page, relation: str) -> str | None:
    return next((link["url"] for link in page["link"] if link["relation"] == relation), None)


def fetch_pages(pair: Pair, page: Page, relation: str = "next") -> list[Page]:
    """The page and all further pages in one direction."""
    pages = [page]
    while (url := link_url(pages[-1], relation)) is not None:
        assert url.startswith(f"{pair.base()}/Patient?")
        response = pair.ask("GET", url)
        assert response.status_code == 200, response.text
        pages.append(response.json())
    return pages


def fetch_first_page(pair: Pair, method: str) -> Page:
    url = f"{pair.base()}/Patient"
    is_post = method == "POST"
    response = (
        pair.ask("POST", f"{url}/_search", QUERY.encode(), **FORM)
        if is_post
        else pair.ask("GET", f"{url}?{QUERY}")
    )
    page: Page = response.json()
    return page


def resources(page: Page, mode: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in page["entry"] if entry["search"]["mode"] == mode]


def references(page: Page, mode: str) -> list[str]:
    return [f"{resource['resourceType']}/{resource['id']}" for resource in resources(page, mode)]


def female_patients(pair: Pair) -> list[dict[str, Any]]:
    return sorted(
        (patient for patient in active_resources(pair, "Patient") if patient["gender"] == "female"),
        key=lambda patient: patient["birthDate"],
    )


def check_page(pair: Pair, page: Page, patients: list[dict[str, Any]]) -> None:
    """Check the matches of a page, their order, their elements and their includes."""
    names = [f"Patient/{patient['id']}" for patient in patients]
    conditions = {
        f"Condition/{condition['id']}"
        for condition in active_resources(pair, "Condition")
        if condition["subject"]["reference"] in names
    }
    doctors = {
        doctor["reference"] for patient in patients for doctor in patient.get("generalPractitioner", ())
    }
    active = {f"Practitioner/{practitioner['id']}" for practitioner in active_resources(pair, "Practitioner")}
    assert [resource["birthDate"] for resource in resources(page, "match")] == [
        patient["birthDate"] for patient in patients
    ]
    assert set(references(page, "include")) == conditions | (doctors & active)
    assert not any("address" in resource for resource in resources(page, "match"))
    assert page["total"] == len(female_patients(pair))
    full_urls = [entry["fullUrl"] for entry in page["entry"]]
    assert all(url.startswith(f"{pair.base()}/") for url in full_urls)
    assert len(set(full_urls)) == len(full_urls)
    Bundle.model_validate(page)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("paging", ["token", "offset", "page"])
@pytest.mark.parametrize("form", get_args(LinkForm))
def test_next_links_lead_to_every_match_and_include_once(
    pair: Pair, form: str, paging: str, method: str
) -> None:
    pair.settings(variants={"link_form": form, "paging": paging})
    pages, expected = fetch_pages(pair, fetch_first_page(pair, method)), female_patients(pair)
    assert len(pages) > 2
    for number, page in enumerate(pages):
        check_page(pair, page, expected[3 * number : 3 * number + 3])
    matches = [name for page in pages for name in references(page, "match")]
    assert sorted(matches) == sorted(f"Patient/{patient['id']}" for patient in expected)


@pytest.mark.parametrize("relation", ["previous", "prev"])
@pytest.mark.parametrize("paging", ["token", "offset", "page"])
def test_previous_first_and_last_links_lead_to_their_pages(pair: Pair, paging: str, relation: str) -> None:
    pair.settings(variants={"paging": paging, "previous_relation": relation, "link_form": "query-only"})
    pages = fetch_pages(pair, fetch_first_page(pair, "GET"))
    previous_pages = fetch_pages(pair, pages[-1], "previous")
    assert [references(page, "match") for page in previous_pages] == [
        references(page, "match") for page in reversed(pages)
    ]
    assert [references(page, "include") for page in previous_pages] == [
        references(page, "include") for page in reversed(pages)
    ]
    for name, page in (("first", pages[0]), ("last", pages[-1])):
        url = link_url(pages[1], name)
        assert url is not None
        assert references(pair.ask("GET", url).json(), "match") == references(page, "match")


def test_parameters_of_upstream_links_are_not_duplicated(pair: Pair) -> None:
    pair.settings(faults={"link-include-params": False}, variants={"paging": "offset"})
    fetch_pages(pair, fetch_first_page(pair, "GET"))
    for sent in pair.sent():
        names = [tuple(parameter) for parameter in sent["parameters"]]  # type: ignore[attr-defined]
        assert len(set(names)) == len(names)


def test_page_urls_contain_no_search_values(pair: Pair) -> None:
    page = pair.get("Patient?family=Zzyzx&_count=1&_include=Patient:organization&_format=json").json()
    for link in page["link"]:
        assert "_format=json" in link["url"]
        assert link["relation"] == "self" or ("Zzyzx" not in link["url"] and len(link["url"]) < 1500)


def test_page_link_is_valid_for_its_site_and_caller_only(pair: Pair) -> None:
    url = link_url(fetch_first_page(pair, "GET"), "next")
    assert url is not None
    token = url.partition("?")[2]
    assert pair.get(f"Patient?{token}").status_code == 200
    assert pair.get(f"Patient?{token}", "00000000-0000-4000-8000-00000000b415").status_code == 404
    assert pair.get(f"Patient?{token}", Ocp_Apim_Subscription_Key="other-key").status_code == 404
    assert pair.get(f"Patient?{token[:-3]}AAA").status_code == 404


def test_page_link_is_valid_on_replicas_with_the_same_key(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url)
    keyed_settings = settings.model_copy(update={"paging": Paging(keys=(SecretStr(SECRET),))})
    with (
        ThreadedServer(create_app(keyed_settings)) as first_replica,
        ThreadedServer(create_app(keyed_settings)) as second_replica,
        ThreadedServer(create_app(settings)) as other_gateway,
    ):
        path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient"
        url = (
            link_url(pair.ask("GET", f"{first_replica.url}{path}?_count=2&_sort=birthdate").json(), "next")
            or ""
        )
        query = url.partition("?")[2]
        pages = [
            pair.ask("GET", f"{base}{path}?{query}")
            for base in (first_replica.url, second_replica.url, second_replica.url, other_gateway.url)
        ]
    assert [page.status_code for page in pages] == [200, 200, 200, 404]
    assert len({tuple(references(page.json(), "match")) for page in pages[:3]}) == 1


@pytest.mark.parametrize(("secrets", "warnings"), [((), 1), ((SecretStr(SECRET),), 0)])
def test_gateway_without_paging_key_logs_a_warning(secrets: tuple[SecretStr, ...], warnings: int) -> None:
    settings = settings_for("http://127.0.0.1:9").model_copy(update={"paging": Paging(keys=secrets)})
    with capture_logs() as logs:
        create_app(settings)
    assert sum(line.get("setting") == "paging.keys" for line in logs) == warnings


@pytest.mark.parametrize("host", ["https://evil.example/fhir/R4", "//evil.example", "http://[::1"])
def test_upstream_link_to_another_host_is_never_followed(pair: Pair, host: str) -> None:
    links = [{"relation": "next", "url": f"{host}/Patient?p=2"}]
    body = {"resourceType": "Bundle", "type": "searchset", "link": links}
    pair.fault(kind="answer", status=200, body=body, times=1)
    response = pair.get("Patient?name=a")
    assert (response.status_code, response.json()["issue"][0]["code"]) == (502, "processing")
    assert "evil" not in response.text
    assert len(pair.sent()) == 1
