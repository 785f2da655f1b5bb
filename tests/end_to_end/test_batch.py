"""Batch Bundles through the whole gateway: each entry as if it had come alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from end_to_end.failing_gateway import run_gateway
from fhir.resources.R4B.bundle import Bundle
from support.secrets import SECRET

from gateway.emulator.sites import PERTH, SYDNEY
from gateway.settings import Admin, Cache, Settings

FHIR = {"Content-Type": "application/fhir+json"}
BOOKING = {
    "resourceType": "Appointment",
    "status": "booked",
    "start": "2026-07-01T10:00:00+10:00",
    "end": "2026-07-01T10:15:00+10:00",
    "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
}
URN = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class BatchGateway:
    """A gateway with cache and ledger in front of the emulator."""

    pair: Pair
    url: str

    def base(self, guid: str = SYDNEY) -> str:
        return f"{self.url}/integrator/sites/{guid}/fhir/R4"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.base()}/{path}", headers=KEY, timeout=30, trust_env=False)

    def post(self, *entries: Any, headers: dict[str, str] = KEY, **fields: Any) -> httpx.Response:
        body = {"resourceType": "Bundle", "type": "batch", "entry": list(entries)} | fields
        return httpx.post(
            self.base(), content=json.dumps(body), headers=headers | FHIR, timeout=60, trust_env=False
        )

    def entries(self, *entries: Any, **parts: Any) -> list[dict[str, Any]]:
        """Entries of the batch-response, which is valid R4."""
        response = self.post(*entries, **parts)
        assert response.status_code == 200, response.text
        Bundle.model_validate_json(response.content)
        bundle = response.json()
        assert bundle["type"] == "batch-response"
        found: list[dict[str, Any]] = bundle["entry"]
        assert len(found) == len(entries)
        return found

    def sent(self) -> list[str]:
        return [
            f"{request['method']} {str(request['path']).partition('/R4/')[2]}" for request in self.pair.sent()
        ]

    def ledger(self) -> dict[str, int]:
        headers = {"Authorization": f"Bearer {SECRET}"}
        totals = httpx.get(f"{self.url}/admin/ledger", headers=headers, trust_env=False).json()["totals"]
        return {cost: total["queries"] for cost, total in totals.items() if total["queries"]}

    def bill(self) -> int:
        queries: int = self.pair.emulator.control("GET", "bill")["queries"]
        return queries


def settings_with_ledger(pair: Pair, **server: Any) -> Settings:
    admin = Admin.model_validate({"token": SECRET})
    settings = settings_for(pair.emulator.url)
    limits = settings.server.model_copy(update=server)
    return settings.model_copy(update={"cache": Cache(), "admin": admin, "server": limits})


@pytest.fixture
def gateway(pair: Pair) -> Iterator[BatchGateway]:
    with run_gateway(settings_with_ledger(pair)) as url:
        yield BatchGateway(pair, url)
    pair.spoilt = False  # the gateway of the pair had no failure


def request(method: str, url: str, resource: Any = None, **conditions: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"request": {"method": method, "url": url} | conditions}
    return entry | ({"resource": resource} if resource else {})


def read(url: str) -> dict[str, Any]:
    return request("GET", url)


def statuses(entries: list[dict[str, Any]]) -> list[int]:
    return [int(entry["response"]["status"][:3]) for entry in entries]


def code_of(entry: dict[str, Any]) -> str:
    code: str = entry["response"]["outcome"]["issue"][0]["details"]["coding"][0]["code"]
    return code


SEARCHES = (
    "Patient/1",
    "Appointment?date=2026-04&_count=3",
    "Patient?birthdate=1980-02-29&_include=Patient:general-practitioner",
    "Observation?patient=Patient/1&date=ge2024-01-01T00:00:00Z&_count=2",
    "metadata",
)


def test_entry_gets_what_the_request_alone_gets(gateway: BatchGateway) -> None:
    entries = gateway.entries(*map(read, SEARCHES))
    for path, entry in zip(SEARCHES, entries, strict=True):
        alone = gateway.get(path).json()
        assert without_links(entry["resource"]) == without_links(alone), path
    assert statuses(entries) == [200] * len(SEARCHES)


def without_links(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "link"}


def test_next_link_in_an_entry_reads_every_page(gateway: BatchGateway) -> None:
    (entry,) = gateway.entries(read("Appointment?date=2026-04&_count=40"))
    page, ids = entry["resource"], list[str]()
    while page:
        ids += [each["resource"]["id"] for each in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        assert not url or url.startswith(f"{gateway.base()}/Appointment?_page=")
        page = httpx.get(url, headers=KEY, trust_env=False).json() if url else None
    assert len(ids) == len(set(ids)) == entry["resource"]["total"]


def test_page_link_can_be_an_entry(gateway: BatchGateway) -> None:
    first = gateway.get("Appointment?_count=2").json()
    url = next(link["url"] for link in first["link"] if link["relation"] == "next")
    (entry,) = gateway.entries(read(url))
    assert len(entry["resource"]["entry"]) == 2
    assert entry["resource"]["entry"] != first["entry"]


def test_dates_go_upstream_in_the_formats_it_takes(gateway: BatchGateway) -> None:
    gateway.entries(read("Appointment?date=2026-04-01T10:00:00%2B10:00"))
    (sent,) = gateway.pair.sent()
    values = [value for name, value in sent["parameters"] if name == "date"]  # type: ignore[attr-defined]
    assert values
    assert not any("+" in value or "Z" in value for value in values)


def test_repeated_read_costs_one_query(gateway: BatchGateway) -> None:
    gateway.entries(*[read("Patient/1")] * 10)
    gateway.entries(*[read("Patient/1")] * 10)
    assert gateway.sent() == ["GET Patient/1"]
    ledger = gateway.ledger()
    assert ledger.pop("billed") == gateway.bill() == 1
    assert sum(ledger.values()) == 19


def test_fifty_mixed_entries_have_their_own_outcomes_and_bill(gateway: BatchGateway) -> None:
    wrong = [read("Patient?birthdate=never"), read("https://elsewhere.example/Patient/1"), read("Nothing/1")]
    writes = [request("POST", "Appointment", BOOKING), request("DELETE", "Patient/1")]
    reads = [read(f"Patient/{number}") for number in range(1, 11)]
    searches = [read(f"Appointment?date=2026-04-{day:02}&_count=2") for day in range(1, 31)]
    entries = gateway.entries(*wrong, *writes, *reads, *searches, *[read("Patient/none")] * 5)
    assert statuses(entries) == [400, 400, 404, 201, 404, *[200] * 40, *[404] * 5]
    assert len(entries) == 50
    assert gateway.sent()[-2:] == ["POST Appointment", "DELETE Patient/1"]
    assert gateway.ledger()["billed"] == gateway.bill() == 1 + 1 + 10 + 30 + 1


def test_write_is_seen_by_a_read_after_the_batch(gateway: BatchGateway) -> None:
    patient = gateway.get("Patient/1").json()
    (entry,) = gateway.entries(request("PUT", "Patient/1", patient | {"gender": "other"}))
    assert entry["response"]["status"] == "200 OK"
    assert gateway.get("Patient/1").json()["gender"] == "other"


def test_created_resource_has_a_location_on_the_gateway(gateway: BatchGateway) -> None:
    (entry,) = gateway.entries(request("POST", "Patient", {"resourceType": "Patient", "gender": "female"}))
    location = entry["response"]["location"]
    assert location.startswith(f"{gateway.base()}/Patient/")
    assert httpx.get(location, headers=KEY, trust_env=False).json()["gender"] == "female"


def test_conditional_read_uses_the_entry_tag_only(gateway: BatchGateway) -> None:
    (first,) = gateway.entries(read("Patient/1"))
    tag = first["response"]["etag"]
    same, other = gateway.entries(request("GET", "Patient/1", ifNoneMatch=tag), read("Patient/1"))
    assert (same["response"]["status"], same["response"]["etag"]) == ("304 Not Modified", tag)
    assert "resource" not in same
    assert other["resource"]["id"] == "1"


def test_search_by_post_is_a_form_upstream(gateway: BatchGateway) -> None:
    names = {"resourceType": "Parameters", "parameter": [{"name": "family", "valueString": "Zzyzx"}]}
    (entry,) = gateway.entries(request("POST", "Patient/_search", names))
    assert entry["resource"]["total"] == 1
    assert gateway.pair.sent()[0]["body"] == [["family", "Zzyzx"]]


def test_explanation_is_an_entry_without_query(gateway: BatchGateway) -> None:
    search = {"name": "search", "valueString": "Appointment?date=2026-04"}
    body = {"resourceType": "Parameters", "parameter": [search]}
    (entry,) = gateway.entries(request("POST", "$explain", body))
    assert entry["resource"]["resourceType"] == "OperationOutcome"
    assert gateway.bill() == 0


@pytest.mark.parametrize(
    ("entries", "fields"),
    [
        ([read("Patient/1")] * 51, {}),
        ([read("Patient/1"), {"resource": {"resourceType": "Patient"}}], {}),
        ([{"fullUrl": URN} | request("POST", "Patient", {"resourceType": "Patient"})] * 2, {}),
        ([], {"entry": "text"}),
        ([], {"entry": [[]]}),
    ],
    ids=["51 entries", "no request", "duplicate fullUrl", "no array", "no object"],
)
def test_invalid_batch_is_refused_before_anything_is_sent(
    gateway: BatchGateway, entries: list[Any], fields: dict[str, Any]
) -> None:
    response = gateway.post(*entries, **fields)
    assert response.status_code == 400
    assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "batch-invalid"
    assert gateway.sent() == []


PATIENT = {"resourceType": "Patient"}


@pytest.mark.parametrize(
    ("attack", "status"),
    [
        (request("POST", "/", {"resourceType": "Bundle", "type": "batch"}), 400),
        (request("POST", "/", {"resourceType": "Bundle", "type": "transaction"}), 400),
        (read("https://elsewhere.example/Patient/1"), 400),
        (read("//elsewhere.example/Patient/1"), 400),
        (read(f"/integrator/sites/{PERTH}/fhir/R4/Patient/1"), 404),
        (read(f"../../../{PERTH}/fhir/R4/Patient/1"), 400),
        (read("Patient/1 HTTP/1.1\r\nX-Evil: 1"), 400),
        (request("GET\r\nX-Evil: 1", "Patient/1"), 405),
        (request("PUT", "Patient/1", PATIENT, ifMatch='W/"1"\r\nOcp-Apim-Subscription-Key: other-key'), 400),
        (request("POST", "Patient", PATIENT, ifNoneExist="identifier=1\r\nX-Evil: 1"), 400),
        (request("POST", "Patient"), 400),
        (read("Patient?" + "name=x&" * 300), 400),
        (read("Patient?_page=made-up"), 404),
    ],
)
def test_attack_in_one_entry_is_refused_alone(gateway: BatchGateway, attack: Any, status: int) -> None:
    entries = gateway.entries(read("Patient/2"), attack, read("Patient/3"))
    assert statuses(entries) == [200, status, 200]
    assert sorted(gateway.sent()) == ["GET Patient/2", "GET Patient/3"]


def test_reference_to_a_created_entry_is_refused_alone(gateway: BatchGateway) -> None:
    created = {"fullUrl": URN} | request("POST", "Patient", PATIENT)
    participant = {"actor": {"reference": URN}, "status": "accepted"}
    booking = request("POST", "Appointment", BOOKING | {"participant": [participant]})
    entries = gateway.entries(booking, created)
    assert statuses(entries) == [400, 201]
    assert gateway.sent() == ["POST Patient"]


def test_huge_responses_are_bounded(pair: Pair) -> None:
    with run_gateway(settings_with_ledger(pair, max_batch_response=150_000)) as url:
        gateway = BatchGateway(pair, url)
        searches = [f"DocumentReference?_count=5&_sort=_id&_offset={n}" for n in range(20)]
        response = gateway.post(*map(read, searches))
        found = statuses(response.json()["entry"])
        assert set(found) <= {200, 413}
        assert 413 in found
        assert len(response.content) < 300_000
        assert gateway.ledger()["billed"] == gateway.bill() < 20


def test_change_with_unknown_outcome_holds_the_later_ones(gateway: BatchGateway) -> None:
    gateway.pair.fault(kind="lost", method="POST", path="Appointment", times=1)
    entries = gateway.entries(*[request("POST", "Appointment", BOOKING)] * 3, read("Patient/1"))
    assert statuses(entries) == [504, 503, 503, 200]
    codes = [code_of(entry) for entry in entries[:3]]
    assert codes == ["write-outcome-unknown", "batch-change-held", "batch-change-held"]
    assert gateway.sent().count("POST Appointment") == 1


def test_failed_read_says_when_to_retry_and_spoils_no_other(gateway: BatchGateway) -> None:
    gateway.pair.fault(kind="no-contact", path="Patient/2", times=1)
    entries = gateway.entries(read("Patient/1"), read("Patient/2"), read("Patient/3"))
    assert statuses(entries) == [200, 503, 200]
    texts = [issue["details"]["text"] for issue in entries[1]["response"]["outcome"]["issue"]]
    assert any(text.startswith("Retry-After: ") for text in texts)


def test_refused_key_refuses_the_whole_batch(gateway: BatchGateway) -> None:
    stranger = {"Ocp-Apim-Subscription-Key": "made-up"}
    response = gateway.post(*[read(f"Patient/{n}") for n in range(1, 20)], headers=stranger)
    assert response.status_code == 401
    assert "www-authenticate" in response.headers
    assert len(gateway.sent()) <= 4


def test_entries_share_the_preferences_of_the_batch(gateway: BatchGateway) -> None:
    gateway.entries(read("Patient/1"), headers=KEY | {"Prefer": "handling=strict", "Priority": "u=7"})
    headers: Any = gateway.pair.sent()[0]["headers"]
    assert headers["prefer"] == "handling=strict"
    assert headers["ocp-apim-subscription-key"] == "demo-key"
    assert headers["x-request-id"].endswith(".0")


def test_invalid_write_in_an_entry_is_refused_alone(pair: Pair) -> None:
    settings = settings_with_ledger(pair)
    writes = settings.writes.model_copy(update={"validation": "refuse"})
    with run_gateway(settings.model_copy(update={"writes": writes})) as url:
        gateway = BatchGateway(pair, url)
        wrong = request("POST", "Patient", {"resourceType": "Patient", "birthDate": "yesterday"})
        entries = gateway.entries(wrong, request("POST", "Patient", PATIENT | {"gender": "male"}))
        assert statuses(entries) == [400, 201]
        assert code_of(entries[0]) == "invalid-resource"


def test_transaction_is_passed_on_as_it_is(gateway: BatchGateway) -> None:
    response = gateway.post(read("Patient/1"), type="transaction")
    assert response.status_code == 404  # the emulator has none
    assert [str(request["path"]).rstrip("/").endswith("/R4") for request in gateway.pair.sent()] == [True]
