"""What a caller's responses or a broken response teach changes nothing for others (issue 12)."""

import json

import httpx
import pytest
from adversary.test_s04_failures import VISIT, declare_last_visit, visit_sent
from conftest import KEY, Pair, settings_for
from end_to_end.failing_gateway import FailingGateway, error_code, run_gateway
from support.secrets import SECRET

from gateway.emulator.sites import BRISBANE, RELOCATED_SITE, SITES, SYDNEY
from gateway.settings import Settings

#: It begins and ends as FHIR JSON does, so the client of the upstream does not refuse it.
BROKEN_STATEMENT = '{"resourceType":"CapabilityStatement","rest":[}'


def test_broken_statement_is_no_statement_without_dates(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=BROKEN_STATEMENT, path="/metadata", times=1)
    declare_last_visit(gateway)
    response = gateway.ask("GET", VISIT)
    assert error_code(response.json()["issue"][0]) == "parameter-type-unknown"
    assert visit_sent(gateway.pair) == []
    gateway.ask("GET", VISIT)
    assert visit_sent(gateway.pair) == ["lt2026-04-15T12:00:00"]


@pytest.mark.parametrize("body", ['{"sites":[}', "{}"])
def test_broken_directory_says_nothing_about_a_successor(pair: Pair, body: str) -> None:
    pms_id = next(iter(SITES.values())).pms_id
    moved = {"time_zone": "Australia/Sydney", "pms_id": pms_id, "follow_relocation": True}
    sections = settings_for(pair.emulator.url).model_dump()
    sections |= {"sites": {RELOCATED_SITE: moved}, "admin": {"token": SECRET}}
    pair.fault(kind="answer", status=200, body=body, path=r"/integrator/sites\?", times=1)
    with run_gateway(Settings.model_validate(sections)) as url, httpx.Client(trust_env=False) as client:
        read = f"{url}/integrator/sites/{RELOCATED_SITE}/fhir/R4/Patient?_count=1"
        assert client.get(read, headers=KEY).status_code == 403
        # The operator ends the pause that a refused GUID causes.
        reset = f"{url}/admin/sites/{RELOCATED_SITE}/reset"
        assert client.post(reset, headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
        assert client.get(read, headers=KEY).status_code == 200


OTHER = {"Ocp_Apim_Subscription_Key": "other-key"}
PAGE = "Patient?_count=20"


def matches_and_requests(pair: Pair, guid: str) -> tuple[int, int]:
    """Matches on the first page of the caller with the demo key, and the upstream requests for it."""
    pair.emulator.control("DELETE", "requests")
    response = pair.get(PAGE, guid)
    assert response.status_code == 200, response.text
    return len(response.json()["entry"]), len(pair.sent())


def test_heavy_patient_of_another_makes_no_small_pages(pair: Pair) -> None:
    pair.spoilt = True
    photo = [{"contentType": "image/png", "data": "A" * 1_880_000}]
    patient = json.dumps({"resourceType": "Patient", "name": [{"family": "Heavy"}], "photo": photo}).encode()
    headers = OTHER | {"Content_Type": "application/fhir+json"}
    created = pair.ask(
        "POST", pair.base().replace(pair.url, pair.emulator.url) + "/Patient", patient, **headers
    )
    assert created.status_code == 201, created.text
    number = created.headers["location"].partition("/Patient/")[2].split("/")[0]
    assert len(pair.get(f"Patient?_id={number}", **OTHER).content) > 1_880_000
    assert matches_and_requests(pair, SYDNEY) == (13, 1)  # all of the site


@pytest.mark.parametrize(
    "words", ["Immediate query results beyond message size limit (256kb)", "results were too large (256 kb)"]
)
def test_limit_stated_to_another_makes_no_small_pages(pair: Pair, words: str) -> None:
    error = {"errorDetails": {"errorType": "generic", "errorMessage": f"Results were too large. {words}"}}
    pair.fault(kind="answer", status=413, body=error, times=1)
    small = pair.get(PAGE, BRISBANE, **OTHER)
    assert len(small.json()["entry"]) < 20
    assert matches_and_requests(pair, BRISBANE) == (20, 1)


def test_retries_of_another_leave_those_of_a_caller(pair: Pair) -> None:
    retry = {
        "budget_ratio": 0,
        "budget_min_per_hour": 2,
        "max_wait_seconds": 5,
        "initial_backoff_seconds": 0.01,
    }
    settings = Settings.model_validate(settings_for(pair.emulator.url).model_dump() | {"retry": retry})
    keys = [{"Ocp-Apim-Subscription-Key": name} for name in ("other-key", "demo-key")]
    with run_gateway(settings) as url, httpx.Client(trust_env=False, timeout=30) as client:
        read = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
        assert [client.get(read, headers=key).status_code for key in keys] == [200, 200]
        pair.fault(kind="answer", status=406, body={}, key="other-key", path="/Patient/1")
        attempts = [client.get(read, headers=keys[0]).headers.get("gateway-attempts") for _ in range(3)]
        assert attempts == ["2", "2", None]
        pair.fault(kind="answer", status=406, body={}, key="demo-key", path="/Patient/1", times=1)
        response = client.get(read, headers=keys[1])
        assert (response.status_code, response.headers.get("gateway-attempts")) == (200, "2")
