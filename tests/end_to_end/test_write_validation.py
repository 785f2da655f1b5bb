"""Validation of changes over real sockets: off, as a warning, and as a refusal that costs nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from end_to_end.failing import outcome
from fhir.resources.R4B.operationoutcome import OperationOutcome
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Writes

JSON = {"content-type": "application/fhir+json"}
HIDDEN = "Zzyzx"
WRONG = {"resourceType": "Patient", "gender": HIDDEN, HIDDEN: HIDDEN, "birthDate": "1980-02-30"}
GOOD = {"resourceType": "Patient", "gender": "female"}
PATHS = "Patient.gender, Patient, Patient.birthDate"


@contextmanager
def gateway(pair: Pair, mode: str) -> Iterator[httpx.Client]:
    """A gateway with this mode in front of the emulator."""
    writes = Writes.model_validate({"validation": mode})
    settings = settings_for(pair.emulator.url).model_copy(update={"writes": writes})
    with (
        ThreadedServer(create_app(settings)) as running,
        httpx.Client(
            base_url=f"{running.url}/integrator/sites/{SYDNEY}/fhir/R4",
            headers=KEY | JSON,
            timeout=30,
            trust_env=False,
        ) as client,
    ):
        yield client


def billed(pair: Pair) -> int:
    bill: dict[str, int] = pair.emulator.control("GET", "bill")
    return bill["queries"]


@pytest.mark.parametrize("mode", ["off", "warn", "refuse"])
def test_a_valid_change_is_made_without_a_word(pair: Pair, mode: str) -> None:
    with gateway(pair, mode) as client:
        made = client.post("/Patient", json=GOOD)
        changed = client.put(f"/Patient/{made.json()['id']}", json=made.json() | {"gender": "other"})
    assert (made.status_code, changed.status_code) == (201, 200)
    assert "gateway-validation" not in {*made.headers, *changed.headers}


def test_an_invalid_change_is_refused_unsent_and_unbilled(pair: Pair) -> None:
    before = billed(pair)
    with gateway(pair, "refuse") as client, capture_logs() as lines:
        answer = client.post("/Patient", json=WRONG)
    assert answer.status_code == 400
    OperationOutcome.model_validate_json(answer.text)
    issues = answer.json()["issue"]
    assert [(each["code"], each["expression"]) for each in issues] == [
        ("code-invalid", ["Patient.gender"]),
        ("structure", ["Patient"]),
        ("value", ["Patient.birthDate"]),
    ]
    assert {each["details"]["coding"][0]["code"] for each in issues} == {"invalid-resource"}
    assert (pair.sent(), billed(pair)) == ([], before)
    assert HIDDEN not in answer.text + str(answer.headers) + str(lines)
    assert [each["findings"] for each in lines if each["event"] == "invalid-write"] == [3]


@pytest.mark.parametrize(
    ("method", "path", "body", "expression"),
    [
        ("POST", "/Appointment", GOOD, "Patient"),
        ("PUT", "/Patient/1", GOOD | {"id": "2"}, "Patient.id"),
        ("PUT", "/Patient/1", GOOD, "Patient.id"),
        ("POST", "", GOOD, "Patient"),
        ("POST", "", {"resourceType": "Bundle", "type": "history"}, "Bundle.type"),
    ],
)
def test_a_body_that_does_not_fit_its_url_is_refused(
    pair: Pair, method: str, path: str, body: object, expression: str
) -> None:
    with gateway(pair, "refuse") as client:
        answer = client.request(method, path, json=body)
    assert outcome(answer, 400)["expression"] == [expression]
    assert pair.sent() == []


def test_an_invalid_change_that_may_go_on_is_sent_and_named(pair: Pair) -> None:
    with gateway(pair, "warn") as client, capture_logs() as lines:
        answer = client.post("/Patient", json=WRONG)
    assert answer.headers["gateway-validation"] == PATHS
    assert len(pair.sent()) == 1
    assert answer.status_code == 400, "the emulator is as strict as Halo's server"
    assert HIDDEN not in str(answer.headers) + str(lines)
    assert [each["findings"] for each in lines if each["event"] == "invalid-write"] == [3]


def test_without_validation_the_practice_alone_judges(pair: Pair) -> None:
    with gateway(pair, "off") as client, capture_logs() as lines:
        answer = client.post("/Patient", json=WRONG)
    issue = outcome(answer, 400)
    assert issue["details"]["coding"][0]["code"] != "invalid-resource"
    assert "gateway-validation" not in answer.headers
    assert len(pair.sent()) == 1
    assert [each for each in lines if each["event"] == "invalid-write"] == []


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_a_json_patch_is_not_judged(pair: Pair, mode: str) -> None:
    patch = json.dumps([{"op": "replace", "path": "/gender", "value": HIDDEN}])
    with gateway(pair, mode) as client:
        headers = {"content-type": "application/json-patch+json"}
        answer = client.patch("/Patient/1", content=patch, headers=headers)
    assert "gateway-validation" not in answer.headers
    assert len(pair.sent()) == 1


@pytest.mark.parametrize(
    "body", ["[" * 900_000, '{"resourceType":"Patient","contact":[' + "{}," * 600_000 + "{}]}"]
)
def test_a_body_made_to_be_costly_is_refused_within_bounds(pair: Pair, body: str) -> None:
    with gateway(pair, "refuse") as client:
        answer = client.post("/Patient", content=body)
        assert client.get("/Patient/1").status_code == 200
    assert answer.status_code == 400
    assert len(answer.content) <= 16_384
    assert [each["method"] for each in pair.sent()] == ["GET"]
