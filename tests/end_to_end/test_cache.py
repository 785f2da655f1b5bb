"""What the cache spares and what it never mixes up, over real sockets and on the practice's bill."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.cached_gateway import PUBLIC, cached_gateway, settings_for
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.cache.lookup import CacheConfig
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache
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
    with httpx.Client(base_url=base, headers=KEY, timeout=30, trust_env=False) as each:
        yield each


def billed(pair: Pair) -> int:
    bill: dict[str, int] = pair.emulator.control("GET", "bill")
    return bill["queries"]


def status(response: httpx.Response) -> str:
    return response.headers["cache-status"]


def all_at_once(count: int, *urls: str) -> list[httpx.Response]:
    """Equal requests, each on a connection of its own, spread over the gateways."""

    async def asked() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(headers=KEY, timeout=30, trust_env=False, limits=limits) as each:
            return await asyncio.gather(*(each.get(urls[number % len(urls)]) for number in range(count)))

    return asyncio.run(asked())


def test_fifty_equal_cold_requests_cost_one_query(pair: Pair, url: str) -> None:
    pair.fault(kind="delay", delay=0.5, times=1)
    answers = all_at_once(50, f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient?gender=female&_count=5")
    assert {each.status_code for each in answers} == {200}
    assert len({json.dumps(each.json()["entry"]) for each in answers}) == 1
    assert billed(pair) == 1


def test_another_patients_record_is_a_fault_and_is_not_kept(pair: Pair, client: httpx.Client) -> None:
    pair.fault(kind="answer", status=200, body={"resourceType": "Patient", "id": "2"}, times=1)
    answers = [client.get("Patient/1") for _ in range(2)]
    assert [each.status_code for each in answers] == [502, 200]
    assert "upstream-not-fhir" in answers[0].text
    assert (answers[1].json()["id"], billed(pair)) == ("1", 2)


def test_spellings_of_a_question_share_one_entry(pair: Pair, client: httpx.Client) -> None:
    client.get("Appointment?date=2026-04-02&status=booked")
    again = [
        client.get("Appointment?status=booked&date=ge2026-04-02&date=lt2026-04-03"),
        client.get("Appointment?%64ate=2026-04-02&status=booked&_summary=false"),
        client.post("Appointment/_search", content=b"date=2026-04-02&status=booked", headers=FORM),
    ]
    assert all("hit" in status(each) for each in again)
    assert billed(pair) == 1


def test_a_hit_has_the_same_entries_and_its_own_links(pair: Pair, client: httpx.Client) -> None:
    first, second = client.get("Patient?gender=female&_count=2"), client.get("Patient?_count=2&gender=female")
    assert first.json()["entry"] == second.json()["entry"]
    selfs = [each.json()["link"][0]["url"].partition("?")[2] for each in (first, second)]
    assert selfs == ["gender=female&_count=2", "_count=2&gender=female"]
    assert int(second.headers["age"]) >= 0


def test_two_tokens_for_the_same_page_share_one_entry(pair: Pair, client: httpx.Client) -> None:
    following = [
        next(
            link["url"]
            for link in client.get("Patient?_count=2").json()["link"]
            if link["relation"] == "next"
        )
        for _ in range(2)
    ]
    assert following[0] != following[1]
    first, second = (client.get(each) for each in following)
    assert (first.json()["entry"], status(second)[:17]) == (second.json()["entry"], "halo-gateway; hit")
    assert billed(pair) == 2


def test_callers_and_sites_never_share(pair: Pair, client: httpx.Client, url: str) -> None:
    ours = client.get("Patient/1")
    other = client.get("Patient/1", headers={"Ocp-Apim-Subscription-Key": "other-key"})
    elsewhere = client.get(f"{url}/integrator/sites/{BRISBANE}/fhir/R4/Patient/1")
    assert {status(each).split("; ")[1] for each in (ours, other, elsewhere)} == {"fwd=uri-miss"}
    assert billed(pair) == 3


def test_a_refused_key_gets_nothing_out_of_the_cache(client: httpx.Client) -> None:
    client.get("Patient/1")
    refused = client.get("Patient/1", headers={"Ocp-Apim-Subscription-Key": "guessed"})
    assert refused.status_code == 401
    assert "Zzyzx" not in refused.text


def test_a_write_is_seen_at_once(client: httpx.Client) -> None:
    new = {
        "resourceType": "Patient",
        "name": [{"family": "Testperson", "given": ["Ada"]}],
        "gender": "female",
    }
    made = client.post("Patient", json=new, headers=FHIR).json()
    path = f"Patient/{made['id']}"
    assert (client.get(path).json()["gender"], status(client.get(path))[:17]) == (
        "female",
        "halo-gateway; hit",
    )
    written = client.put(path, json=made | {"gender": "other"}, headers=FHIR)
    assert status(written) == "halo-gateway; fwd=method; fwd-status=200"
    assert client.get(path).json()["gender"] == "other"


@pytest.mark.parametrize("path", ["Patient/1", "Patient?gender=female&_count=2", "metadata"])
def test_a_client_that_has_it_is_told_so_without_a_body(pair: Pair, client: httpx.Client, path: str) -> None:
    tag = client.get(path).headers["etag"]
    again = client.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    fresh = client.get(path, headers={"if-none-match": tag, "cache-control": "no-cache"})
    assert fresh.status_code == 304
    assert len(pair.sent()) == 2


def test_if_modified_since_is_answered_for_a_resource(client: httpx.Client) -> None:
    changed = client.get("Patient/1").headers["last-modified"]
    assert client.get("Patient/1", headers={"if-modified-since": changed}).status_code == 304
    before = {"if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}
    assert client.get("Patient/1", headers=before).status_code == 200


def test_only_if_cached_costs_nothing(pair: Pair, client: httpx.Client) -> None:
    refused = client.get("Patient/1", headers={"cache-control": "only-if-cached"})
    assert (refused.status_code, refused.json()["resourceType"]) == (504, "OperationOutcome")
    assert billed(pair) == 0


def test_head_is_answered_from_the_same_entry(pair: Pair, client: httpx.Client) -> None:
    got, head = client.get("Patient/1"), client.head("Patient/1")
    assert (head.content, head.headers["content-length"]) == (b"", got.headers["content-length"])
    assert billed(pair) == 1


def test_errors_are_never_kept_but_nothing_there_for_a_moment(pair: Pair, client: httpx.Client) -> None:
    pair.fault(kind="no-contact", times=1)
    assert client.get("Patient/1").status_code == 503
    assert client.get("Patient/1").status_code == 200
    assert [client.get("Patient/999999").status_code for _ in range(2)] == [404, 404]
    assert status(client.get("Patient/999999")).startswith("halo-gateway; hit; ttl=")


def test_free_slots_are_asked_for_every_time(pair: Pair, client: httpx.Client) -> None:
    path = "Slot/$find-free?start=2026-04-02T08:00:00%2B10:00&end=2026-04-02T18:00:00%2B10:00"
    answers = [client.get(path) for _ in range(2)]
    assert {status(each).partition("; fwd-status")[0] for each in answers} == {"halo-gateway; fwd=bypass"}
    assert len(pair.sent()) == 2


@pytest.mark.parametrize(
    ("method", "path", "code", "said"),
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
def test_every_answer_says_what_the_cache_did(
    pair: Pair, method: str, path: str, code: int, said: str
) -> None:
    content = b'{"resourceType":"Location"}' if method == "POST" else None
    answer = pair.ask(method, pair.url + path, content, content_type="application/fhir+json")
    assert (answer.status_code, status(answer)) == (code, f"halo-gateway; {said}")


def test_a_304_of_the_upstream_passes_every_handler_and_may_have_been_billed() -> None:
    def versioned(request: httpx.Request) -> httpx.Response:
        same = request.headers.get("if-none-match") == 'W/"7"'
        found = httpx.Response(200, json={"resourceType": "Patient", "id": "1"})
        return httpx.Response(
            304 if same else 200, headers={"etag": 'W/"7"'}, content=b"" if same else found.content
        )

    async def asked() -> tuple[list[httpx.Response], str]:
        cache = Cache(trust_etags=True)
        settings = settings_for("http://upstream").model_copy(update={"cache": cache})
        app = create_app(settings, transport=httpx.MockTransport(versioned))
        asgi = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=asgi, base_url=PUBLIC) as each,
        ):
            headers = KEY | {"cache-control": "no-cache"}
            answers = [await each.get(f"{FHIR_BASE}/Patient/1", headers=headers) for _ in range(2)]
            return answers, (await each.get("/metrics")).text

    with capture_logs():
        (first, second), metrics = asyncio.run(asked())
    assert (second.status_code, second.content) == (200, first.content)
    assert status(second) == "halo-gateway; fwd=request; fwd-status=304; stored"
    assert 'requests_total{cost="maybe-billed",site="00000000",type="Patient"} 1.0' in metrics
