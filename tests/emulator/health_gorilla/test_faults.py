import httpx
import pytest
from emulator.health_gorilla.gorilla_client import TOKEN, GorillaClient, new_patient

from gateway.emulator.health_gorilla.errors import ERRORS


@pytest.mark.parametrize("kind", ERRORS)
def test_each_row_can_be_ordered_for_some_requests(gorilla: GorillaClient, kind: str) -> None:
    gorilla.fault(kind=kind, path="/Patient", times=2)
    assert gorilla.get("/fhir/R4/Practitioner").status_code == 200
    for _ in range(2):
        response = gorilla.get("/fhir/R4/Patient")
        assert response.status_code == ERRORS[kind].status
        if ERRORS[kind].form in {"outcome", "oauth"}:
            assert ERRORS[kind].text in response.json().get("error_description", response.text)
    assert gorilla.get("/fhir/R4/Patient").status_code == 200


def test_fault_has_its_own_headers_too(gorilla: GorillaClient) -> None:
    gorilla.fault(kind="rate-limit", headers={"Retry-After": "7"})
    assert gorilla.get("/fhir/R4/Patient").headers["retry-after"] == "7"


def test_answer_is_sent_as_written(gorilla: GorillaClient) -> None:
    gorilla.fault(status=418, body="<teapot>", headers={"content-type": "text/html"}, times=1)
    response = gorilla.get("/fhir/R4/Patient")
    assert (response.status_code, response.text) == (418, "<teapot>")
    gorilla.fault(status=200, body={"a": 1})
    assert gorilla.get("/x").json() == {"a": 1}


@pytest.mark.parametrize(
    "rule", [{"method": "POST"}, {"key": "other"}, {"path": "/Observation"}, {"path": "_count=9"}]
)
def test_fault_does_not_touch_other_requests(gorilla: GorillaClient, rule: dict[str, str]) -> None:
    gorilla.fault(kind="timeout", **rule)
    assert gorilla.get("/fhir/R4/Patient?_count=8").status_code == 200


def test_every_third_request_fails(gorilla: GorillaClient) -> None:
    gorilla.fault(kind="internal-error", every=3, key="demo-token")
    statuses = [gorilla.get("/fhir/R4/Practitioner").status_code for _ in range(6)]
    assert statuses == [200, 200, 500, 200, 200, 500]


@pytest.mark.parametrize(("kind", "created"), [("reset", 0), ("lost", 1)])
def test_lost_request_was_executed_and_reset_was_not(gorilla: GorillaClient, kind: str, created: int) -> None:
    gorilla.fault(kind=kind, method="POST", times=1)
    with pytest.raises(httpx.TransportError):
        gorilla.post("/fhir/R4/Patient", new_patient())
    assert gorilla.get("/fhir/R4/Patient?family=Newby").json()["total"] == created


def test_truncated_body_ends_early(gorilla: GorillaClient) -> None:
    gorilla.fault(kind="truncate", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        gorilla.get("/fhir/R4/Patient")


def test_hanging_request_gets_nothing(gorilla: GorillaClient) -> None:
    gorilla.fault(kind="hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(
            f"{gorilla.emulator.url}/fhir/R4/Patient",
            headers=TOKEN,
            timeout=httpx.Timeout(20, read=0.3),
            trust_env=False,
        )


def test_slow_body_is_whole(gorilla: GorillaClient) -> None:
    gorilla.fault(kind="drip", delay=0.1, times=1)
    assert gorilla.get("/fhir/R4/Patient").json()["total"] == 45
