"""Links followed to the end, whatever the upstream's own look like, compared with the emulator's data."""

from typing import Any, get_args

import pytest
from conftest import Pair, settings_for
from fhir.resources.R4B.bundle import Bundle
from pydantic import SecretStr
from structlog.testing import capture_logs

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


def truth(pair: Pair, kind: str) -> list[dict[str, Any]]:
    rows = pair.emulator.control("GET", f"truth/{SYDNEY}/{kind}")
    return [row["resource"] for row in rows if row["active"]]


def linked(page: Page, relation: str) -> str | None:
    return next((link["url"] for link in page["link"] if link["relation"] == relation), None)


def walked(pair: Pair, page: Page, relation: str = "next") -> list[Page]:
    """The pages from one on."""
    pages = [page]
    while (url := linked(pages[-1], relation)) is not None:
        assert url.startswith(f"{pair.base()}/Patient?")
        response = pair.ask("GET", url)
        assert response.status_code == 200, response.text
        pages.append(response.json())
    return pages


def first(pair: Pair, method: str) -> Page:
    url = f"{pair.base()}/Patient"
    posted = method == "POST"
    response = (
        pair.ask("POST", f"{url}/_search", QUERY.encode(), **FORM)
        if posted
        else pair.ask("GET", f"{url}?{QUERY}")
    )
    found: Page = response.json()
    return found


def resources(page: Page, mode: str) -> list[dict[str, Any]]:
    return [each["resource"] for each in page["entry"] if each["search"]["mode"] == mode]


def keys(page: Page, mode: str) -> list[str]:
    return [f"{each['resourceType']}/{each['id']}" for each in resources(page, mode)]


def women(pair: Pair) -> list[dict[str, Any]]:
    return sorted(
        (each for each in truth(pair, "Patient") if each["gender"] == "female"),
        key=lambda each: each["birthDate"],
    )


def check_page(pair: Pair, page: Page, patients: list[dict[str, Any]]) -> None:
    """The page holds these matches, in this order, trimmed, with everything that belongs to them."""
    names = [f"Patient/{each['id']}" for each in patients]
    conditions = {
        f"Condition/{each['id']}"
        for each in truth(pair, "Condition")
        if each["subject"]["reference"] in names
    }
    doctors = {doctor["reference"] for each in patients for doctor in each.get("generalPractitioner", ())}
    active = {f"Practitioner/{each['id']}" for each in truth(pair, "Practitioner")}
    assert [each["birthDate"] for each in resources(page, "match")] == [
        each["birthDate"] for each in patients
    ]
    assert set(keys(page, "include")) == conditions | (doctors & active)
    assert not any("address" in each for each in resources(page, "match"))
    assert page["total"] == len(women(pair))
    full_urls = [each["fullUrl"] for each in page["entry"]]
    assert all(url.startswith(f"{pair.base()}/") for url in full_urls)
    assert len(set(full_urls)) == len(full_urls)
    Bundle.model_validate(page)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("paging", ["token", "offset", "page"])
@pytest.mark.parametrize("form", get_args(LinkForm))
def test_next_leads_to_every_match_and_include_once(pair: Pair, form: str, paging: str, method: str) -> None:
    pair.settings(variants={"link_form": form, "paging": paging})
    pages, expected = walked(pair, first(pair, method)), women(pair)
    assert len(pages) > 2
    for number, page in enumerate(pages):
        check_page(pair, page, expected[3 * number : 3 * number + 3])
    matches = [name for page in pages for name in keys(page, "match")]
    assert sorted(matches) == sorted(f"Patient/{each['id']}" for each in expected)


@pytest.mark.parametrize("relation", ["previous", "prev"])
@pytest.mark.parametrize("paging", ["token", "offset", "page"])
def test_previous_first_and_last_lead_where_they_say(pair: Pair, paging: str, relation: str) -> None:
    pair.settings(variants={"paging": paging, "previous_relation": relation, "link_form": "query-only"})
    pages = walked(pair, first(pair, "GET"))
    back = walked(pair, pages[-1], "previous")
    assert [keys(page, "match") for page in back] == [keys(page, "match") for page in reversed(pages)]
    assert [keys(page, "include") for page in back] == [keys(page, "include") for page in reversed(pages)]
    for name, page in (("first", pages[0]), ("last", pages[-1])):
        url = linked(pages[1], name)
        assert url is not None
        assert keys(pair.ask("GET", url).json(), "match") == keys(page, "match")


def test_links_kept_by_the_upstream_are_not_doubled(pair: Pair) -> None:
    pair.settings(faults={"link-include-params": False}, variants={"paging": "offset"})
    walked(pair, first(pair, "GET"))
    for sent in pair.sent():
        names = [tuple(each) for each in sent["parameters"]]  # type: ignore[attr-defined]
        assert len(set(names)) == len(names)


def test_no_page_url_shows_what_was_searched_for(pair: Pair) -> None:
    page = pair.get("Patient?family=Zzyzx&_count=1&_include=Patient:organization&_format=json").json()
    for link in page["link"]:
        assert "_format=json" in link["url"]
        assert link["relation"] == "self" or ("Zzyzx" not in link["url"] and len(link["url"]) < 1500)


def test_a_link_serves_its_own_site_and_caller_only(pair: Pair) -> None:
    url = linked(first(pair, "GET"), "next")
    assert url is not None
    token = url.partition("?")[2]
    assert pair.get(f"Patient?{token}").status_code == 200
    assert pair.get(f"Patient?{token}", "00000000-0000-4000-8000-00000000b415").status_code == 404
    assert pair.get(f"Patient?{token}", Ocp_Apim_Subscription_Key="other-key").status_code == 404
    assert pair.get(f"Patient?{token[:-3]}AAA").status_code == 404


def test_any_replica_with_the_same_key_serves_the_same_page_and_none_without_it(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url)
    keyed = settings.model_copy(update={"paging": Paging(keys=(SecretStr("a key of some length"),))})
    with (
        ThreadedServer(create_app(keyed)) as one,
        ThreadedServer(create_app(keyed)) as two,
        ThreadedServer(create_app(settings)) as none,
    ):
        path = f"/integrator/sites/{SYDNEY}/fhir/R4/Patient"
        url = linked(pair.ask("GET", f"{one.url}{path}?_count=2&_sort=birthdate").json(), "next") or ""
        query = url.partition("?")[2]
        pages = [pair.ask("GET", f"{base}{path}?{query}") for base in (one.url, two.url, two.url, none.url)]
    assert [page.status_code for page in pages] == [200, 200, 200, 404]
    assert len({tuple(keys(page.json(), "match")) for page in pages[:3]}) == 1


@pytest.mark.parametrize(("secrets", "warnings"), [((), 1), ((SecretStr("a key of some length"),), 0)])
def test_a_gateway_without_a_key_warns_that_links_end_with_it(
    secrets: tuple[SecretStr, ...], warnings: int
) -> None:
    settings = settings_for("http://127.0.0.1:9").model_copy(update={"paging": Paging(keys=secrets)})
    with capture_logs() as logs:
        create_app(settings)
    assert sum(line.get("setting") == "paging.keys" for line in logs) == warnings


@pytest.mark.parametrize("host", ["https://evil.example/fhir/R4", "//evil.example", "http://[::1"])
def test_an_upstream_link_off_the_base_is_never_followed(pair: Pair, host: str) -> None:
    links = [{"relation": "next", "url": f"{host}/Patient?p=2"}]
    body = {"resourceType": "Bundle", "type": "searchset", "link": links}
    pair.fault(kind="answer", status=200, body=body, times=1)
    response = pair.get("Patient?name=a")
    assert (response.status_code, response.json()["issue"][0]["code"]) == (502, "processing")
    assert "evil" not in response.text
    assert len(pair.sent()) == 1
