"""A write ends stored responses that may contain any resource type, with and without Redis."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from support.redis_server import redis_server
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

FHIR = KEY | {"content-type": "application/fhir+json"}
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4/"
PATIENT = {"resourceType": "Patient", "name": [{"family": "Testperson"}], "active": True}
ANY_TYPE_SEARCHES = ["_revinclude=*", "_revinclude=*:*", "_revinclude:iterate=*&_include=*"]


def gateway_settings(upstream: str, redis_url: str) -> Settings:
    """The settings of `settings_for`, with the cache at its defaults, in memory or in Redis."""
    redis = {"redis": {"url": redis_url, "timeout": 10}, "keys": [SECRET]} if redis_url else {}
    document = settings_for(upstream).model_dump(exclude_unset=True, mode="json")
    return Settings.model_validate(document | {"cache": {"profile": "balanced"} | redis})


@pytest.fixture(params=["memory", "redis"])
def urls(pair: Pair, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """One gateway with an embedded store, or two replicas with Redis."""
    with ExitStack() as stack:
        url = stack.enter_context(redis_server()).url if request.param == "redis" else ""
        apps = [create_app(gateway_settings(pair.emulator.url, url)) for _ in range(2 if url else 1)]
        yield [stack.enter_context(ThreadedServer(app)).url + BASE for app in apps]


def create(url: str, resource: dict[str, object]) -> str:
    """Id of a new resource."""
    response = httpx.post(url + str(resource["resourceType"]), json=resource, headers=FHIR, trust_env=False)
    assert response.status_code == 201
    return str(response.json()["id"])


def booking_of(patient: str) -> dict[str, object]:
    participant = {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-08-03T09:00:00+10:00",
        "end": "2026-08-03T09:15:00+10:00",
        "participant": [participant],
    }


def returned_types(url: str, patient: str, query: str) -> list[str]:
    """Types of the patient's page, which has all that refers to the patient."""
    response = httpx.get(f"{url}Patient?_id={patient}&{query}", headers=KEY, trust_env=False)
    return [entry["resource"]["resourceType"] for entry in response.json()["entry"]]


@pytest.mark.parametrize("query", ANY_TYPE_SEARCHES)
def test_first_record_of_another_type_is_seen(urls: list[str], query: str) -> None:
    patient = create(urls[0], PATIENT)
    for url in urls:
        assert [returned_types(url, patient, query) for _ in range(3)] == [["Patient"]] * 3
    create(urls[0], booking_of(patient))
    for url in urls:
        assert returned_types(url, patient, query) == ["Patient", "Appointment"]
