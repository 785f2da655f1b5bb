"""Health Gorilla behind a mount, over real sockets: errors, pages, asynchronous requests, creates, tokens."""

import re
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from emulator.health_gorilla.gorilla_client import JWT_BEARER, PATIENT, assertion, judge, new_patient
from end_to_end.failing_gateway import checked_issue, error_code
from end_to_end.gorilla_gateway import (
    FHIR,
    FHIR_CONTENT,
    MOUNTS,
    PAGE,
    GorillaGateway,
    mounted_settings,
    run_mount,
)
from support.stopwatch import Stopwatch

from gateway.emulator.health_gorilla.app import create_health_gorilla
from gateway.emulator.health_gorilla.data import resource_id
from gateway.emulator.health_gorilla.errors import ERRORS
from gateway.emulator.serve import RunningEmulator

ASYNC = {"Prefer": "respond-async"}
EVERYTHING = f"Patient/{PATIENT}/$everything"
KEY = {"HG-Idempotency-Key": "15e72676-48c3-11ea-b77f-2e728ce88125"}
#: Rows of the page's table of errors: fault, upstream's status, our status, code.
ROWS = re.findall(
    r"^\| `([a-z0-9-]+)` \| (\d{3})[^|]*\| (\d{3}) \| `([a-z0-9-]+)` \|",
    PAGE.read_text("utf-8"),
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def gorilla() -> Iterator[RunningEmulator]:
    with RunningEmulator(app=create_health_gorilla()) as emulator:
        yield emulator


@pytest.fixture
def labs(gorilla: RunningEmulator) -> Iterator[GorillaGateway]:
    """A new gateway for each test, because failures open circuits and start pauses."""
    with run_mount(gorilla, MOUNTS["labs"], mounted_settings(gorilla.url)) as gateway:
        yield gateway


@pytest.fixture(params=MOUNTS)
def mount(gorilla: RunningEmulator, request: pytest.FixtureRequest) -> Iterator[GorillaGateway]:
    """The same for each name of a mount."""
    with run_mount(gorilla, MOUNTS[request.param], mounted_settings(gorilla.url)) as gateway:
        yield gateway


def test_page_has_every_row_of_the_error_table() -> None:
    assert [(kind, int(status)) for kind, status, _, _ in ROWS] == [
        (kind, row.status) for kind, row in ERRORS.items()
    ]


@pytest.mark.parametrize(("kind", "upstream_status", "status", "code"), ROWS, ids=lambda value: value)
def test_each_error_has_the_status_and_code_of_the_page(
    labs: GorillaGateway, kind: str, upstream_status: str, status: str, code: str
) -> None:
    labs.fault(kind=kind)
    issue = checked_issue(labs.get(f"Patient/{PATIENT}"), int(status))
    assert error_code(issue) == code
    assert f"status={upstream_status}" in issue["diagnostics"]
    assert labs.upstream_host not in str(issue)
    assert len(labs.sent()) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rate-limit", "requests per second"),
        ("p360-limit", "concurrent p360"),
        ("invalid-content", "The 'name' field is required"),
    ],
)
def test_named_throttle_and_field_survive_masking(labs: GorillaGateway, kind: str, words: str) -> None:
    labs.fault(kind=kind)
    issue = checked_issue(labs.get(f"Patient/{PATIENT}"))
    assert words in issue["diagnostics"]


def test_unknown_parameter_is_named_and_its_value_is_not(labs: GorillaGateway) -> None:
    issue = checked_issue(labs.get("Patient?wrong_parameter=Zzyzxblue"), 400)
    assert "wrong_parameter" in str(issue)
    assert "Zzyzxblue" not in str(issue)


def test_wrong_version_of_a_client_is_refused(labs: GorillaGateway) -> None:
    headers = {"Authorization": "Bearer stu3-token"}
    assert error_code(checked_issue(labs.get("Patient", **headers), 502)) == "upstream-misconfigured"


def test_synchronous_call_over_the_limit_advises(labs: GorillaGateway) -> None:
    labs.settings(sync_seconds=0.2)
    labs.fault(kind="delay", delay=9)
    issue = checked_issue(labs.get(f"Patient/{PATIENT}"), 504)
    assert error_code(issue) == "upstream-timeout"


@pytest.mark.parametrize("query", ["", "?_count=7", "?_offset=0", "?_offset=0&_count=500"])
def test_walk_to_the_end_gives_every_patient_once(mount: GorillaGateway, query: str) -> None:
    pages, url = [], f"{mount.url}/Patient{query}"
    while url:
        bundle = mount.get(url).json()
        judge(bundle)
        assert all(link["url"].startswith(f"{mount.url}/Patient") for link in bundle["link"])
        pages.append([entry["resource"]["id"] for entry in bundle["entry"]])
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert sum(map(len, pages)) == len({each for page in pages for each in page}) == 45


def test_pages_lead_back_to_the_first_by_offset(mount: GorillaGateway) -> None:
    bundle = mount.get("Patient?_offset=0&_count=10").json()
    bundle = mount.get(link(bundle, "last")).json()
    seen = [bundle]
    while url := link(bundle, "previous"):
        bundle = mount.get(url).json()
        seen.append(bundle)
    ids = [page["entry"][0]["resource"]["id"] for page in seen]
    assert len(ids) == 5
    assert all(later > earlier for later, earlier in pairwise(ids))
    assert link(bundle, "first") == link(seen[0], "first")


def link(bundle: dict[str, object], relation: str) -> str:
    links = bundle["link"]
    assert isinstance(links, list)
    return next((each["url"] for each in links if each["relation"] == relation), "")


def test_vendor_never_gets_more_than_its_largest_count(labs: GorillaGateway) -> None:
    labs.get("Observation?_count=500")
    assert labs.sent()[-1]["query"] == "_count=100"


def test_laboratory_results_come_in_one_bundle(labs: GorillaGateway) -> None:
    bundle = labs.get("Observation?category=laboratory").json()
    assert len(bundle["entry"]) == bundle["total"] == 135


@pytest.mark.parametrize("path", ["Patient", EVERYTHING])
def test_asynchronous_request_is_polled_to_the_end(mount: GorillaGateway, path: str) -> None:
    accepted = mount.get(path, **ASYNC)
    url = accepted.headers["content-location"]
    assert accepted.status_code == 202
    assert accepted.headers["location"] == url
    assert url.startswith(f"{mount.url}/~/fhir/RequestResult/")
    poll = mount.get(url)
    assert (poll.status_code, poll.headers["x-progress"]) == (202, "in progress")
    done = mount.get(url)
    assert done.status_code == 200
    judge(done.json())
    assert all(entry["fullUrl"].startswith(mount.url) for entry in done.json()["entry"])
    assert mount.upstream_host not in done.json()["link"][0]["url"]
    assert mount.ask("DELETE", url).status_code == 204
    assert error_code(checked_issue(mount.get(url), 404)) == "resource-not-found"


def test_failed_asynchronous_request_is_an_error(labs: GorillaGateway) -> None:
    labs.settings(polls=0)
    url = labs.get("Patient?wrong_parameter=1", **ASYNC).headers["location"]
    checked_issue(labs.get(url), 400)


def test_asynchronous_request_outlives_the_limit(labs: GorillaGateway) -> None:
    labs.settings(sync_seconds=0.1)
    labs.fault(kind="delay", delay=0.3, times=1)
    assert labs.get(EVERYTHING, **ASYNC).status_code == 202


def test_subscription_to_results_is_created(labs: GorillaGateway) -> None:
    channel = {"type": "rest-hook", "endpoint": "https://example.com/hook"}
    resource = {
        "resourceType": "Subscription",
        "status": "active",
        "reason": "results",
        "criteria": "OperationOutcome?async=true",
        "channel": channel,
    }
    created = labs.post("Subscription", resource)
    assert created.status_code == 201
    assert created.json()["criteria"] == resource["criteria"]
    assert created.json()["channel"]["endpoint"] == channel["endpoint"]


def test_created_resource_is_at_its_location(mount: GorillaGateway) -> None:
    created = mount.post("Patient", new_patient())
    place = created.headers["location"]
    assert created.status_code == 201
    assert place.startswith(f"{mount.url}/Patient/")
    assert mount.get(place.partition("/_history")[0]).json()["id"] == created.json()["id"]


def test_clients_repeat_with_the_same_key_creates_nothing(labs: GorillaGateway) -> None:
    first, second = (labs.post("Patient", new_patient(), **KEY) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert [request["headers"]["hg-idempotency-key"] for request in labs.sent()] == list(KEY.values()) * 2
    assert labs.get("Patient?family=Newby").json()["total"] == 1


@pytest.mark.parametrize(("headers", "sent", "status"), [(KEY, 2, 201), ({}, 1, 504)])
def test_lost_create_is_repeated_with_its_key_only(
    gorilla: RunningEmulator, headers: dict[str, str], sent: int, status: int
) -> None:
    settings = mounted_settings(gorilla.url, retry={"initial_backoff_seconds": 0.05})
    with run_mount(gorilla, "/labs", settings) as labs:
        labs.fault(kind="lost", method="POST", times=1)
        response = labs.post("Patient", new_patient(), **headers)
        posts = [request for request in labs.sent() if request["method"] == "POST"]
        assert (len(posts), response.status_code) == (sent, status)
        assert labs.get("Patient?family=Newby").json()["total"] == 1


def test_create_with_a_key_is_repeated_once(gorilla: RunningEmulator) -> None:
    settings = mounted_settings(gorilla.url, retry={"initial_backoff_seconds": 0.05})
    with run_mount(gorilla, "/labs", settings) as labs:
        labs.fault(kind="reset", method="POST")
        checked_issue(labs.post("Patient", new_patient(), **KEY))
        assert len(labs.sent()) == 2


def test_rate_of_an_endpoint_is_obeyed_without_a_429(labs: GorillaGateway) -> None:
    labs.settings(requests_per_second=1)
    with Stopwatch() as wait:
        assert labs.get("Patient?_count=1").status_code == 200
        assert labs.get("Practitioner?_count=1").status_code == 200
    assert wait.seconds < 0.9, "another endpoint does not wait"
    assert labs.get("Patient?_count=2").status_code == 200
    assert [request["status"] for request in labs.sent()] == [200, 200, 200]


def test_binary_is_content_for_clients_that_accept_it(labs: GorillaGateway) -> None:
    path = f"Binary/{resource_id('Binary', 1)}"
    headers = {"Authorization": "Bearer demo-token"}
    direct = httpx.get(f"{labs.emulator.url}/fhir/R4/{path}", headers=headers, trust_env=False)
    response = labs.get(path, Accept="application/pdf")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    assert response.content == direct.content
    assert labs.get(path, **FHIR).json()["resourceType"] == "Binary"


@pytest.mark.parametrize("accept", ["*/*", "application/pdf"])
def test_content_that_the_vendor_sends_keeps_its_type(labs: GorillaGateway, accept: str) -> None:
    labs.fault(status=200, body="%PDF-1.4 synthetic", headers={"content-type": "application/pdf"})
    response = labs.get("Binary/1", Accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    assert response.content == b"%PDF-1.4 synthetic"


def test_download_link_leads_through_the_mount(mount: GorillaGateway) -> None:
    url = download_url(mount)
    assert url.startswith(f"{mount.url}/~/download/")
    response = mount.get(url)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    assert response.content.startswith(b"%PDF")


@pytest.mark.parametrize("accept", ["*/*", "application/pdf", "application/fhir+json"])
def test_expired_download_link_says_what_to_do(labs: GorillaGateway, accept: str) -> None:
    labs.settings(link_seconds=0)
    response = labs.get(download_url(labs), Accept=accept)
    assert labs.sent()[-1]["status"] == 454
    assert response.status_code == 410
    assert "new link" in response.text


def download_url(labs: GorillaGateway) -> str:
    document = labs.get("DocumentReference?_count=1").json()["entry"][0]["resource"]
    url: str = document["content"][1]["attachment"]["url"]
    return url


def token_form(labs: GorillaGateway, **claims: object) -> dict[str, str]:
    own = {"audience": f"{labs.emulator.url}/oauth/token"} | claims
    return {"grant_type": JWT_BEARER, "assertion": assertion(**own), "scope": "user/*.*"}  # type: ignore[arg-type]


def test_token_of_the_endpoint_reads_patients(labs: GorillaGateway) -> None:
    response = labs.client.post(f"{labs.url}/~/oauth/token", data=token_form(labs))
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    token = response.json()["access_token"]
    assert labs.get("Patient", Authorization=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    ("claims", "status", "error"),
    [
        ({"sub": "stranger"}, 400, "invalid_grant"),
        ({"audience": "http://gateway.example/labs/~/oauth/token"}, 400, "invalid_grant"),
        ({"iss": "stranger"}, 401, "invalid_client"),
    ],
)
def test_token_error_is_the_vendors_for_oauth_clients(
    labs: GorillaGateway, claims: dict[str, object], status: int, error: str
) -> None:
    for accept in ("*/*", "application/json"):
        form = token_form(labs, **claims)
        response = labs.client.post(f"{labs.url}/~/oauth/token", data=form, headers={"Accept": accept})
        assert (response.status_code, response.json()["error"]) == (status, error)


def test_token_error_is_an_outcome_for_fhir_clients(labs: GorillaGateway) -> None:
    form = token_form(labs, sub="stranger")
    issue = checked_issue(labs.client.post(f"{labs.url}/~/oauth/token", data=form, headers=FHIR), 401)
    assert error_code(issue) == "upstream-credentials"


@pytest.mark.parametrize("name", ["Patient", "DocumentReference", "Observation", "DiagnosticReport"])
def test_stu3_base_is_served_in_its_version(gorilla: RunningEmulator, name: str) -> None:
    with run_mount(gorilla, "/labs-stu3", mounted_settings(gorilla.url)) as labs:
        bundle = labs.get(name).json()
        judge(bundle, is_stu3=True)
        assert {entry["fullUrl"].rpartition("/")[0] for entry in bundle["entry"]} == {f"{labs.url}/{name}"}
        assert labs.sent()[-1]["path"] == f"/fhir/{name}"
        assert labs.get("metadata").json()["fhirVersion"] == "3.0.1"
        versioned = {"Accept": "application/fhir+json; fhirVersion=3.0"}
        assert labs.get(name, **versioned).status_code == 200


def test_ids_of_the_upstream_reach_the_client(labs: GorillaGateway) -> None:
    headers = labs.get("Patient", **{"X-Request-Id": "mine-0001"}).headers
    assert headers["x-correlation-id"] == "mine-0001"
    assert len(headers["x-hg-request-id"]) == 24


def test_dates_with_a_zone_are_passed_on(labs: GorillaGateway) -> None:
    query = "_lastUpdated=ge2024-11-01T00:00:00Z&birthdate=ge1900-01-01"
    assert labs.get(f"Patient?{query}").json()["total"] == 45
    assert labs.sent()[-1]["query"] == query


def test_other_media_type_of_a_body_is_refused(labs: GorillaGateway) -> None:
    response = labs.ask("POST", "Patient", content=b"{}", headers={"Content-Type": "text/plain"})
    checked_issue(response, 415)


def test_update_keeps_its_id(labs: GorillaGateway) -> None:
    body = new_patient(id=PATIENT)
    response = labs.ask("PUT", f"Patient/{PATIENT}", json=body, headers=FHIR_CONTENT)
    assert (response.status_code, response.json()["meta"]["versionId"]) == (200, "2")
