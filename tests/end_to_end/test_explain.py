"""`$explain` against what the gateway then does: upstream searches, price, cache, page sizes and circuits."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from end_to_end.failing_gateway import BASE, run_gateway

from gateway.emulator.sites import SYDNEY
from gateway.settings import Cache, Paging

JSON = {"content-type": "application/fhir+json"}
#: Searches; a count reads all parts of a split search, any other stops at the first part with matches.
SEARCHES = [
    "Patient",
    "Patient?family=Nobody",
    "Patient?birthdate=1980",
    "Patient?birthdate=ge1950-01-01T10:00:00%2B10:00",
    "Patient?birthdate=ne1980-02-29",
    "Patient?birthdate=1951,1965,1980&_summary=count",
    "Patient?birthdate=gt2020&birthdate=lt2019",
    "Patient?birthdate=2023-02-29",
    "Patient?birthdate:exact=2023",
    "Patient?active=false",
    "Patient?enrolled=2020",
    "Patient?_count=3&_revinclude=Condition:patient",
    "Appointment?date=2026-04",
    "Appointment?date=ne2026-04-02&_summary=count",
    "Appointment?date=2026-04-01,2026-04-03,2026-04-05&_count=0",
    "Appointment?date=ne2026-04-02&_sort=-date",
    "Appointment?date=2026-04-01,2026-04-05&_sort=status",
    "Encounter?date=le2026-04-01",
    "Observation?_lastUpdated=ge2026-01-01T00:00:00Z&_count=500",
    "AllergyIntolerance?date=ge2024-05-01T09:00:00%2B10:00",
    "Condition?onset-date=ap2020",
    "Patient?_id=1&_format=json",
]


@pytest.fixture
def url(pair: Pair) -> Iterator[str]:
    with run_gateway(settings_for(pair.emulator.url)) as url:
        yield url


def explain(url: str, search: str) -> list[str]:
    body = {"resourceType": "Parameters", "parameter": [{"name": "search", "valueString": search}]}
    headers = KEY | JSON
    response = httpx.post(f"{url}{BASE}/$explain", headers=headers, content=json.dumps(body), trust_env=False)
    assert response.status_code == 200, response.text
    text: str = response.json()["issue"][0]["details"]["text"]
    return text.splitlines()


def send(url: str, search: str) -> httpx.Response:
    return httpx.get(f"{url}{BASE}/{search}", headers=KEY, trust_env=False, timeout=30)


def explained_searches(lines: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    texts = [line.removeprefix("upstream: ") for line in lines if line.startswith("upstream: ")]
    return [
        (path, parse_qsl(query, keep_blank_values=True))
        for path, _, query in (t.partition("?") for t in texts)
    ]


def sent_searches(pair: Pair) -> list[tuple[str, list[tuple[str, str]]]]:
    """Billed requests that reached the upstream, as path below the base and parameters."""
    return [
        (str(sent["path"]).partition("/fhir/R4/")[2], [tuple(pair) for pair in sent["parameters"]])  # type: ignore[attr-defined]
        for sent in pair.sent()
        if not str(sent["path"]).endswith("/metadata")
    ]


@pytest.mark.parametrize("search", SEARCHES)
def test_upstream_searches_and_price_are_those_of_the_chain(pair: Pair, url: str, search: str) -> None:
    lines = explain(url, search)
    assert pair.sent() == []
    response = send(url, search)
    explained, sent = explained_searches(lines), sent_searches(pair)
    (cost,) = [line for line in lines if "cost: " in line or "no upstream query" in line]
    assert explained[: len(sent)] == sent
    if "1 to" in cost:
        assert 1 <= len(sent) <= len(explained)
    else:
        assert (len(sent), "no upstream query" in cost) == (len(explained), not sent)
    refusals = [line for line in lines if line.startswith("rejected")]
    assert bool(refusals) == (response.status_code == 400)
    if refusals:
        assert f"({response.json()['issue'][0]['details']['coding'][0]['code']})" in refusals[0]


def test_metadata_that_is_read_first_is_told_once(pair: Pair, url: str) -> None:
    search = "Patient?enrolled=2020"
    assert explain(url, search)[0].startswith("first: GET metadata (free")
    assert explain(url, search)[0].startswith("first: GET metadata (free")
    send(url, search)
    assert not explain(url, search)[0].startswith("first: ")
    assert len([sent for sent in pair.sent() if str(sent["path"]).endswith("/metadata")]) == 1


@pytest.fixture
def caching_url(pair: Pair) -> Iterator[str]:
    """A gateway with a cache, and a low limit for the bytes of a page."""
    settings = settings_for(pair.emulator.url)
    parts = {"cache": Cache(), "paging": Paging(max_response_bytes=40_000)}
    with run_gateway(settings.model_copy(update=parts)) as url:
        yield url


def test_hit_is_told_with_its_age(caching_url: str) -> None:
    url, search = caching_url, "Patient?family=Nobody"
    assert "cache: no stored response. A new one serves for at most" in "\n".join(explain(url, search))
    send(url, search)
    lines = "\n".join(explain(url, search))
    assert "cache: hit, " in lines
    assert "cost: 0 upstream queries by the cache, else 1 upstream query per page" in lines
    assert "hit" in send(url, search).headers["cache-status"]


def test_learned_page_size_is_in_the_explained_search(pair: Pair, caching_url: str) -> None:
    search = "Observation?_count=200"
    pair.settings(sites={SYDNEY: {"size_limit": 40_000}})
    assert send(caching_url, search).status_code == 200
    lines = explain(caching_url, search + "&status=final")
    ((_, explained),) = explained_searches(lines)
    assert [line for line in lines if line.startswith("page: smaller than requested")]
    before = len(sent_searches(pair))
    send(caching_url, search + "&status=final")
    assert sent_searches(pair)[before][1] == explained
    assert int(dict(explained)["_count"]) < 200


def test_open_circuit_is_told_with_its_reason(pair: Pair, url: str) -> None:
    pair.fault(kind="offline")
    send(url, "Patient")
    sent = len(pair.sent())
    lines = explain(url, "Patient?family=Nobody")
    (now,) = [line for line in lines if line.startswith("now: ")]
    assert "(practice-circuit-open)" in now
    assert len(pair.sent()) == sent


def test_page_link_is_explained(url: str) -> None:
    links = send(url, "Patient?_count=2").json()["link"]
    (next_url,) = [link["url"] for link in links if link["relation"] == "next"]
    search = "Patient?" + next_url.partition("?")[2]
    ((path, parameters),) = explained_searches(explain(url, search))
    assert path == "Patient"
    assert "_page" not in dict(parameters)
