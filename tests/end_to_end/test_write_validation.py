"""Validation of writes over real sockets, in the modes off, warn and refuse."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from end_to_end.failing_gateway import checked_issue
from fhir.resources.R4B.operationoutcome import OperationOutcome
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Writes

JSON = {"content-type": "application/fhir+json"}
PRIVATE = "Zzyzx"
INVALID = {"resourceType": "Patient", "gender": PRIVATE, PRIVATE: PRIVATE, "birthDate": "1980-02-30"}
VALID = {"resourceType": "Patient", "gender": "female"}
EXPRESSIONS = "Patient.gender, Patient, Patient.birthDate"


@contextmanager
def run_gateway(pair: Pair, mode: str) -> Iterator[httpx.Client]:
    """Run a gateway with this mode in front of the emulator and yield a client."""
    writes = Writes.model_validate({"validation": mode})
    settings = settings_for(pair.emulator.url).model_copy(update={"writes": writes})
    with (
        ThreadedServer(create_app(settings)) as server,
        httpx.Client(
            base_url=f"{server.url}/integrator/sites/{SYDNEY}/fhir/R4",
            headers=KEY | JSON,
            timeout=30,
            trust_env=False,
        ) as client,
    ):
        yield client


def billed_queries(pair: Pair) -> int:
    bill: dict[str, int] = pair.emulator.control("GET", "bill")
    return bill["queries"]


@pytest.mark.parametrize("mode", ["off", "warn", "refuse"])
def test_valid_write_is_made_without_header(pair: Pair, mode: str) -> None:
    with run_gateway(pair, mode) as client:
        created = client.post("/Patient", json=VALID)
        updated = client.put(f"/Patient/{created.json()['id']}", json=created.json() | {"gender": "other"})
    assert (created.status_code, updated.status_code) == (201, 200)
    assert "gateway-validation" not in {*created.headers, *updated.headers}


def test_invalid_write_is_rejected_unsent_and_unbilled(pair: Pair) -> None:
    before = billed_queries(pair)
    with run_gateway(pair, "refuse") as client, capture_logs() as lines:
        response = client.post("/Patient", json=INVALID)
    assert response.status_code == 400
    OperationOutcome.model_validate_json(response.text)
    issues = response.json()["issue"]
    assert [(issue["code"], issue["expression"]) for issue in issues] == [
        ("code-invalid", ["Patient.gender"]),
        ("structure", ["Patient"]),
        ("value", ["Patient.birthDate"]),
    ]
    assert {issue["details"]["coding"][0]["code"] for issue in issues} == {"invalid-resource"}
    assert (pair.sent(), billed_queries(pair)) == ([], before)
    assert PRIVATE not in response.text + str(response.headers) + str(lines)
    assert [line["findings"] for line in lines if line["event"] == "invalid-write"] == [3]


@pytest.mark.parametrize(
    ("method", "path", "body", "expression"),
    [
        ("POST", "/Appointment", VALID, "Patient"),
        ("PUT", "/Patient/1", VALID | {"id": "2"}, "Patient.id"),
        ("PUT", "/Patient/1", VALID, "Patient.id"),
        ("POST", "", VALID, "Patient"),
        ("POST", "", {"resourceType": "Bundle", "type": "history"}, "Bundle.type"),
    ],
)
def test_body_that_contradicts_its_url_is_rejected(
    pair: Pair, method: str, path: str, body: object, expression: str
) -> None:
    with run_gateway(pair, "refuse") as client:
        response = client.request(method, path, json=body)
    assert checked_issue(response, 400)["expression"] == [expression]
    assert pair.sent() == []


def test_invalid_write_with_warn_is_sent_with_header(pair: Pair) -> None:
    with run_gateway(pair, "warn") as client, capture_logs() as lines:
        response = client.post("/Patient", json=INVALID)
    assert response.headers["gateway-validation"] == EXPRESSIONS
    assert len(pair.sent()) == 1
    assert response.status_code == 400, "the emulator is as strict as Halo"
    assert PRIVATE not in str(response.headers) + str(lines)
    assert [line["findings"] for line in lines if line["event"] == "invalid-write"] == [3]


def test_invalid_write_without_validation_is_sent(pair: Pair) -> None:
    with run_gateway(pair, "off") as client, capture_logs() as lines:
        response = client.post("/Patient", json=INVALID)
    issue = checked_issue(response, 400)
    assert issue["details"]["coding"][0]["code"] != "invalid-resource"
    assert "gateway-validation" not in response.headers
    assert len(pair.sent()) == 1
    assert [line for line in lines if line["event"] == "invalid-write"] == []


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_json_patch_is_not_validated(pair: Pair, mode: str) -> None:
    patch = json.dumps([{"op": "replace", "path": "/gender", "value": PRIVATE}])
    with run_gateway(pair, mode) as client:
        headers = {"content-type": "application/json-patch+json"}
        response = client.patch("/Patient/1", content=patch, headers=headers)
    assert "gateway-validation" not in response.headers
    assert len(pair.sent()) == 1


@pytest.mark.parametrize(
    "body", ["[" * 900_000, '{"resourceType":"Patient","contact":[' + "{}," * 600_000 + "{}]}"]
)
def test_costly_body_is_rejected_within_limits(pair: Pair, body: str) -> None:
    with run_gateway(pair, "refuse") as client:
        response = client.post("/Patient", content=body)
        assert client.get("/Patient/1").status_code == 200
    assert response.status_code == 400
    assert len(response.content) <= 16_384
    assert [request["method"] for request in pair.sent()] == ["GET"]
