import pytest
from emulator.health_gorilla.gorilla_client import ASYNC, PATIENT, TOKEN, GorillaClient, new_patient

EVERYTHING = f"/fhir/R4/Patient/{PATIENT}/$everything"
P360 = f"/fhir/R4/Patient/{PATIENT}/$p360-retrieve"


@pytest.mark.parametrize("path", ["/fhir/R4/Patient", "/fhir/Patient", EVERYTHING])
def test_job_is_polled_to_its_result(gorilla: GorillaClient, path: str) -> None:
    gorilla.settings(polls=2)
    accepted = gorilla.get(path, **ASYNC)
    url = accepted.headers["location"]
    assert accepted.status_code == 202
    assert url == accepted.headers["content-location"]
    assert url.startswith(f"{gorilla.emulator.url}/fhir/RequestResult/")
    for _ in range(2):
        poll = gorilla.http.get(url, headers=TOKEN)
        assert (poll.status_code, poll.headers["x-progress"]) == (202, "in progress")
    done = gorilla.http.get(url, headers=TOKEN)
    assert (done.status_code, done.json()["type"]) == (200, "searchset")
    assert gorilla.http.get(url, headers=TOKEN).json() == done.json()


@pytest.mark.parametrize("path", [EVERYTHING, P360])
def test_operation_is_asynchronous_only(gorilla: GorillaClient, path: str) -> None:
    response = gorilla.get(path)
    assert response.status_code == 400
    assert response.json()["issue"][0]["diagnostics"].startswith(
        "This operations can be executed in asynchronous mode only"
    )


def test_deleted_job_is_gone(gorilla: GorillaClient) -> None:
    url = gorilla.get("/fhir/R4/Patient", **ASYNC).headers["location"]
    assert gorilla.http.post(url, headers=TOKEN).status_code == 405
    assert gorilla.http.delete(url, headers=TOKEN).status_code == 204
    assert gorilla.http.get(url, headers=TOKEN).status_code == 404


def test_job_belongs_to_its_client(gorilla: GorillaClient) -> None:
    url = gorilla.get("/fhir/R4/Patient", **ASYNC).headers["location"]
    assert gorilla.http.get(url, headers={"Authorization": "Bearer r4-token"}).status_code == 404
    assert gorilla.http.get(url).status_code == 401


def test_failure_of_a_job_is_its_result(gorilla: GorillaClient) -> None:
    gorilla.settings(polls=0)
    url = gorilla.get("/fhir/R4/Patient?colour=blue", **ASYNC).headers["location"]
    done = gorilla.http.get(url, headers=TOKEN)
    assert done.status_code == 400
    assert "[[colour]]" in done.json()["issue"][0]["diagnostics"]


def test_create_runs_asynchronously_too(gorilla: GorillaClient) -> None:
    gorilla.settings(polls=0)
    accepted = gorilla.post("/fhir/R4/Patient", new_patient(), **ASYNC)
    done = gorilla.http.get(accepted.headers["location"], headers=TOKEN)
    assert (accepted.status_code, done.status_code) == (202, 201)


def test_concurrent_p360_processes_are_limited_per_client(gorilla: GorillaClient) -> None:
    gorilla.settings(concurrent_p360=1, polls=1)
    url = gorilla.get(P360, **ASYNC).headers["location"]
    refused = gorilla.get(P360, **ASYNC)
    assert refused.status_code == 429
    assert "concurrent p360" in refused.json()["issue"][0]["diagnostics"]
    assert gorilla.get(EVERYTHING, **ASYNC).status_code == 202
    assert gorilla.get(P360, **ASYNC, Authorization="Bearer r4-token").status_code == 202
    gorilla.http.get(url, headers=TOKEN)
    assert gorilla.get(P360, **ASYNC).status_code == 202
