"""No string of an answer names Health Gorilla's host, but for those that must; and back again in requests."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from emulator.health_gorilla.gorilla_client import PATIENT, new_patient
from end_to_end.gorilla_gateway import FHIR_CONTENT, MOUNTS, GorillaGateway, mounted_settings, run_mount
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.emulator.health_gorilla.app import create_health_gorilla
from gateway.emulator.health_gorilla.data import RESOURCE_TYPES, resource_id
from gateway.emulator.serve import RunningEmulator

ASYNC = {"Prefer": "respond-async"}
#: Elements that keep the upstream's host (docs/urls.md): canonical, identifier and narrative.
KEPT = {"profile", "system", "div"}
EXTENSIONS = {"extension", "modifierExtension"}
Path = tuple[str, ...]


@pytest.fixture(scope="module")
def gorilla() -> Iterator[RunningEmulator]:
    with RunningEmulator(app=create_health_gorilla()) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=[*MOUNTS, "labs-stu3"])
def labs(gorilla: RunningEmulator, request: pytest.FixtureRequest) -> Iterator[GorillaGateway]:
    path = MOUNTS.get(request.param, "/labs-stu3")
    with run_mount(gorilla, path, mounted_settings(gorilla.url)) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def emulator_as_new(gorilla: RunningEmulator) -> None:
    gorilla.control("POST", "reset")


def strings_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each string of a JSON value with the names that lead to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from strings_of(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item, path)
    elif isinstance(value, str):
        yield path, value


def must_keep_host(path: Path) -> bool:
    return path[-1] in KEPT or (path[-1] == "url" and not EXTENSIONS.isdisjoint(path[-2:]))


def strays(body: Any, host: str) -> list[tuple[Path, str]]:
    """Strings that name a host and need not."""
    return [(path, text) for path, text in strings_of(body) if host in text and not must_keep_host(path)]


REQUESTS = [
    *RESOURCE_TYPES,
    "metadata",
    "Patient?_offset=20",
    "Patient?_count=3",
    f"Patient/{PATIENT}",
    f"DocumentReference/{resource_id('DocumentReference', 1)}",
    f"RequestGroup/{resource_id('RequestGroup', 1)}",
    "Patient/unknown",
    "Patient?wrong_parameter=1",
]


@pytest.mark.parametrize("path", REQUESTS)
def test_no_answer_names_the_upstreams_host(labs: GorillaGateway, path: str) -> None:
    response = labs.get(path, Accept="application/fhir+json")
    assert strays(response.json(), labs.upstream_host) == []
    assert labs.upstream_host not in str(response.headers)


def test_answers_keep_what_must_keep_its_host(labs: GorillaGateway) -> None:
    kept = [
        path[-1]
        for name in ("Patient", "RequestGroup")
        for path, text in strings_of(labs.get(name).json())
        if labs.upstream_host in text
    ]
    assert {"profile", "system", "div", "url"} <= set(kept)


def test_asynchronous_answers_do_not_name_it(labs: GorillaGateway) -> None:
    accepted = labs.get(f"Patient/{PATIENT}/$everything", **ASYNC)
    assert labs.upstream_host not in str(accepted.headers)
    responses = [labs.get(accepted.headers["location"]) for _ in range(2)]
    assert [response.status_code for response in responses] == [202, 200]
    for response in (accepted, *responses):
        assert strays(response.json(), labs.upstream_host) == []


def test_every_url_of_a_page_can_be_followed(labs: GorillaGateway) -> None:
    bundle = labs.get("DocumentReference?_count=2").json()
    urls = {text for path, text in strings_of(bundle) if path[-1] in {"url", "fullUrl", "reference"}}
    assert {urlsplit(url).netloc for url in urls} == {urlsplit(labs.url).netloc}
    assert len(urls) >= 8
    assert {url: labs.get(url).status_code for url in urls} == dict.fromkeys(urls, 200)


#: What follows the upstream's base or origin in a URL.
TAILS = st.sampled_from(
    ["/Patient/1", "/Binary/7?x=1", "/", "", "/Patient/1/_history/2", "/Patient#a", "?a=b"]
)
PLACES = st.sampled_from(
    ["reference", "attachment", "fullUrl", "link", "profile", "system", "extension", "div"]
)
#: Begin of a URL: the base, a name like it, another path, the STU3 base.
STARTS = st.sampled_from(["/fhir/R4", "/fhir/R4x", "/download/1.2", "/fhir", "/fhir/RequestResult"])


def entry_with(place: str, url: str) -> dict[str, Any]:
    """Entry of a Bundle with a URL at a place."""
    entry: dict[str, Any] = {
        "resource": {"resourceType": "DocumentReference", "id": "1", "status": "current"}
    }
    resource = entry["resource"]
    match place:
        case "reference":
            resource["subject"] = {"reference": url}
        case "attachment":
            resource["content"] = [{"attachment": {"url": url}}]
        case "fullUrl":
            entry["fullUrl"] = url
        case "link":
            entry["link"] = [{"relation": "alternate", "url": url}]
        case "profile":
            resource["meta"] = {"profile": [url]}
        case "system":
            resource["identifier"] = [{"system": url, "value": "1"}]
        case "extension":
            resource["extension"] = [{"url": url, "valueString": "x"}]
        case "div":
            div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{url}">x</a></div>'
            resource["text"] = {"status": "generated", "div": div}
    return entry


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.tuples(PLACES, STARTS, TAILS), min_size=1, max_size=8))
def test_urls_move_or_keep_their_host_by_their_place(
    labs: GorillaGateway, parts: list[tuple[str, str, str]]
) -> None:
    entries = [entry_with(place, labs.emulator.url + start + tail) for place, start, tail in parts]
    body = {"resourceType": "Bundle", "type": "searchset", "link": [], "entry": entries}
    headers = {"content-type": "application/fhir+json"}
    labs.emulator.control("DELETE", "faults")
    labs.fault(status=200, body=json.dumps(body), headers=headers, times=1)
    answer = labs.get("DocumentReference").json()
    assert strays(answer, labs.upstream_host) == []
    for sent, got in zip(strings_of(entries), strings_of(answer["entry"]), strict=True):
        expected = sent[1] if must_keep_host(sent[0]) else moved(labs, sent[1])
        assert got == (sent[0], expected)


#: Paths below the STU3 base that are no FHIR: another base, and what only begins like a job.
NO_FHIR = r"/R4|/RequestResult(?!/[^/?#]+(?:[?#]|$))"


def moved(labs: GorillaGateway, url: str) -> str:
    """The URL on the mount: a FHIR path below the base follows the mount, any other on the host `~`."""
    base = "/fhir" if labs.mount == "/labs-stu3" else "/fhir/R4"
    if not url.startswith(labs.emulator.url):
        return url
    path = url.removeprefix(labs.emulator.url)
    rest = path.removeprefix(base)
    is_below = path.startswith(base) and (not rest or rest[0] in "/?#")
    is_below = is_below and not re.match(NO_FHIR, rest)
    return labs.url + rest if is_below else f"{labs.url}/~{path}"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/fhir/R4/Patient/1",
        "{upstream}0/fhir/R4/Patient/1",
        "https://api.healthgorilla.com/fhir/R4/Patient/1",
        "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
        "Patient/1",
        "#contained",
    ],
)
def test_other_references_stay_as_they_are(labs: GorillaGateway, url: str) -> None:
    url = url.format(upstream=labs.emulator.url)
    body = {"resourceType": "Bundle", "type": "searchset", "entry": [entry_with("reference", url)]}
    labs.fault(status=200, body=json.dumps(body), headers={"content-type": "application/fhir+json"}, times=1)
    answer = labs.get("DocumentReference").json()
    assert answer["entry"][0]["resource"]["subject"]["reference"] == url


def last_request(labs: GorillaGateway) -> dict[str, Any]:
    request = labs.sent()[-1]
    assert urlsplit(labs.url).netloc not in request["query"] + request["text"]
    return request


def test_own_urls_in_a_body_go_up_as_the_upstreams(labs: GorillaGateway) -> None:
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "Letter"},
        "subject": {"reference": f"{labs.url}/Patient/{PATIENT}"},
        "content": [{"attachment": {"url": f"{labs.url}/~/download/1.2.3"}}],
    }
    assert labs.post("DocumentReference", document).status_code == 201
    sent = json.loads(last_request(labs)["text"])
    assert sent["content"][0]["attachment"]["url"] == f"{labs.emulator.url}/download/1.2.3"
    assert sent["subject"]["reference"].endswith(f"Patient/{PATIENT}")
    found = labs.get(f"DocumentReference?patient={PATIENT}&_count=100").json()
    assert found["total"] == 2


@pytest.mark.parametrize("form", ["GET", "POST"])
def test_own_url_in_a_search_finds_the_same(labs: GorillaGateway, form: str) -> None:
    value = f"{labs.url}/Patient/{PATIENT}"
    if form == "GET":
        found = labs.ask("GET", "DocumentReference", params={"patient": value})
    else:
        found = labs.ask("POST", "DocumentReference/_search", data={"patient": value})
    assert found.json()["total"] == 1
    last_request(labs)


def test_own_url_in_a_conditional_create_is_mapped(labs: GorillaGateway) -> None:
    practitioner = f"{labs.url}/Practitioner/{resource_id('Practitioner', 2)}"
    headers = {"If-None-Exist": f"identifier=HG-00001&general-practitioner={practitioner}"}
    response = labs.post("Patient", new_patient(), **headers)
    assert (response.status_code, response.json()["id"]) == (200, PATIENT)
    assert urlsplit(labs.url).netloc not in last_request(labs)["headers"]["if-none-exist"]


def test_update_with_own_urls_keeps_the_narrative(labs: GorillaGateway) -> None:
    patient = labs.get(f"Patient/{PATIENT}").json()
    response = labs.ask("PUT", f"Patient/{PATIENT}", json=patient, headers=FHIR_CONTENT)
    assert response.status_code == 200
    assert response.json()["text"] == patient["text"]
    assert response.json()["generalPractitioner"] == patient["generalPractitioner"]
    last_request(labs)
