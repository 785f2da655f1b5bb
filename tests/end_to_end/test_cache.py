"""Response cache over real sockets: saved queries, separation of callers and sites, and the bill."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.cached_gateway import cached_gateway, settings_for

from gateway.cache.lookup import CacheConfig
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.stores.memory import MemoryStore

FHIR = {"content-type": "application/fhir+json"}
FHIR_BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def url(pair: Pair) -> Iterator[str]:
    """A gateway with an empty cache in front of the emulator."""
    with ThreadedServer(
        cached_gateway(settings_for(pair.emulator.url), MemoryStore(), CacheConfig(b"synthetic"))
    ) as gateway:
        yield gateway.url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    base = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/"
    with httpx.Client(base_url=base, headers=KEY, timeout=30, trust_env=False) as client:
        yield client


def billed_queries(pair: Pair) -> int:
    bill: dict[str, int] = pair.emulator.control("GET", "bill")
    return bill["queries"]


def cache_status(response: httpx.Response) -> str:
    return response.headers["cache-status"]


async def send_concurrently(count: int, *urls: str) -> list[httpx.Response]:
    """Send identical requests on separate connections to the gateways in turn."""
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(headers=KEY, timeout=30, trust_env=False, limits=limits) as client:
        return await asyncio.gather(*(client.get(urls[number % len(urls)]) for number in range(count)))


@pytest.mark.anyio
async def test_fifty_identical_cold_requests_cost_one_query(pair: Pair, url: str) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    responses = await send_concurrently(
        50, f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient?gender=female&_count=5"
    )
    assert {response.status_code for response in responses} == {200}
    assert len({json.dumps(response.json()["entry"]) for response in responses}) == 1
    assert billed_queries(pair) == 1


def test_response_with_another_patient_is_rejected_and_not_cached(pair: Pair, client: httpx.Client) -> None:
    pair.fault(kind="answer", status=200, body={"resourceType": "Patient", "id": "2"}, times=1)
    responses = [client.get("Patient/1") for _ in range(2)]
    assert [response.status_code for response in responses] == [502, 200]
    assert "upstream-not-fhir" in responses[0].text
    assert (responses[1].json()["id"], billed_queries(pair)) == ("1", 2)


def test_spellings_of_a_search_share_one_entry(pair: Pair, client: httpx.Client) -> None:
    client.get("Appointment?date=2026-04-02&status=booked")
    repeated = [
        client.get("Appointment?status=booked&date=ge2026-04-02&date=lt2026-04-03"),
        client.get("Appointment?%64ate=2026-04-02&status=booked&_summary=false"),
        client.post("Appointment/_search", content=b"date=2026-04-02&status=booked", headers=FORM),
    ]
    assert all("hit" in cache_status(response) for response in repeated)
    assert billed_queries(pair) == 1


def test_hit_has_the_same_entries_and_its_own_links(pair: Pair, client: httpx.Client) -> None:
    first, second = client.get("Patient?gender=female&_count=2"), client.get("Patient?_count=2&gender=female")
    assert first.json()["entry"] == second.json()["entry"]
    self_queries = [response.json()["link"][0]["url"].partition("?")[2] for response in (first, second)]
    assert self_queries == ["gender=female&_count=2", "_count=2&gender=female"]
    assert int(second.headers["age"]) >= 0


def test_two_tokens_of_a_page_share_one_entry(pair: Pair, client: httpx.Client) -> None:
    next_urls = [
        next(
            link["url"]
            for link in client.get("Patient?_count=2").json()["link"]
            if link["relation"] == "next"
        )
        for _ in range(2)
    ]
    assert next_urls[0] != next_urls[1]
    first, second = (client.get(next_url) for next_url in next_urls)
    assert (first.json()["entry"], cache_status(second)[:17]) == (second.json()["entry"], "halo-gateway; hit")
    assert billed_queries(pair) == 2


def test_callers_and_sites_share_no_entry(pair: Pair, client: httpx.Client, url: str) -> None:
    first_caller = client.get("Patient/1")
    second_caller = client.get("Patient/1", headers={"Ocp-Apim-Subscription-Key": "other-key"})
    other_site = client.get(f"{url}/integrator/sites/{BRISBANE}/fhir/R4/Patient/1")
    assert {
        cache_status(response).split("; ")[1] for response in (first_caller, second_caller, other_site)
    } == {"fwd=uri-miss"}
    assert billed_queries(pair) == 3


def test_invalid_key_gets_no_cached_response(client: httpx.Client) -> None:
    client.get("Patient/1")
    rejected = client.get("Patient/1", headers={"Ocp-Apim-Subscription-Key": "guessed"})
    assert rejected.status_code == 401
    assert "Zzyzx" not in rejected.text


def test_write_is_visible_at_once(client: httpx.Client) -> None:
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Testperson", "given": ["Ada"]}],
        "gender": "female",
    }
    created = client.post("Patient", json=patient, headers=FHIR).json()
    path = f"Patient/{created['id']}"
    assert (client.get(path).json()["gender"], cache_status(client.get(path))[:17]) == (
        "female",
        "halo-gateway; hit",
    )
    written = client.put(path, json=created | {"gender": "other"}, headers=FHIR)
    assert cache_status(written) == "halo-gateway; fwd=method; fwd-status=200"
    assert client.get(path).json()["gender"] == "other"


@pytest.mark.parametrize("path", ["Patient/1", "Patient?gender=female&_count=2", "metadata"])
def test_matching_if_none_match_gets_304_without_body(pair: Pair, client: httpx.Client, path: str) -> None:
    etag = client.get(path).headers["etag"]
    repeated = client.get(path, headers={"if-none-match": etag})
    assert (repeated.status_code, repeated.content, repeated.headers["etag"]) == (304, b"", etag)
    fresh = client.get(path, headers={"if-none-match": etag, "cache-control": "no-cache"})
    assert fresh.status_code == 304
    assert len(pair.sent()) == 2


def test_date_alone_never_gives_304(client: httpx.Client) -> None:
    last_modified = client.get("Patient/1").headers["last-modified"]
    assert client.get("Patient/1", headers={"if-modified-since": last_modified}).status_code == 200


def test_only_if_cached_costs_nothing(pair: Pair, client: httpx.Client) -> None:
    rejected = client.get("Patient/1", headers={"cache-control": "only-if-cached"})
    assert (rejected.status_code, rejected.json()["resourceType"]) == (504, "OperationOutcome")
    assert billed_queries(pair) == 0


def test_head_uses_the_entry_of_get(pair: Pair, client: httpx.Client) -> None:
    get_response, head_response = client.get("Patient/1"), client.head("Patient/1")
    assert (head_response.content, head_response.headers["content-length"]) == (
        b"",
        get_response.headers["content-length"],
    )
    assert billed_queries(pair) == 1


def test_errors_are_not_cached_but_404_briefly(pair: Pair, client: httpx.Client) -> None:
    pair.fault(kind="no-contact", times=1)
    assert client.get("Patient/1").status_code == 503
    assert client.get("Patient/1").status_code == 200
    assert [client.get("Patient/999999").status_code for _ in range(2)] == [404, 404]
    assert cache_status(client.get("Patient/999999")).startswith("halo-gateway; hit; ttl=")


def test_free_slots_are_never_cached(pair: Pair, client: httpx.Client) -> None:
    path = "Slot/$find-free?start=2026-04-02T08:00:00%2B10:00&end=2026-04-02T18:00:00%2B10:00"
    responses = [client.get(path) for _ in range(2)]
    assert {cache_status(response).partition("; fwd-status")[0] for response in responses} == {
        "halo-gateway; fwd=bypass"
    }
    assert len(pair.sent()) == 2


@pytest.mark.parametrize(
    ("method", "path", "code", "detail"),
    [
        ("GET", "/nowhere", 404, "detail=local"),
        ("GET", "/CodeSystem/gateway-error", 200, "detail=local"),
        ("GET", f"{FHIR_BASE}/Patient/%zz", 400, "detail=local"),
        ("GET", f"{FHIR_BASE}/Patient?_page=forged", 404, "detail=local"),
        ("GET", f"{FHIR_BASE}/Patient?birthdate=2023-02-29", 400, "detail=local"),
        ("GET", f"{FHIR_BASE}/Patient?birthdate=gt2023&birthdate=lt2022", 200, "detail=empty"),
        ("GET", f"{FHIR_BASE}/Patient?_count=1", 200, "fwd=bypass; fwd-status=200"),
        ("POST", f"{FHIR_BASE}/Patient", 400, "fwd=method; fwd-status=400"),
        ("GET", f"/integrator/sites/{SYDNEY}", 200, "fwd=bypass; fwd-status=200"),
        ("GET", "/integrator/sites", 400, "fwd=bypass; fwd-status=400"),
    ],
)
def test_every_response_has_cache_status(pair: Pair, method: str, path: str, code: int, detail: str) -> None:
    content = b'{"resourceType":"Location"}' if method == "POST" else None
    response = pair.ask(method, pair.url + path, content, content_type="application/fhir+json")
    assert (response.status_code, cache_status(response)) == (code, f"halo-gateway; {detail}")
