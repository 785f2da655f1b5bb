"""Counts through the whole gateway: the number of the matches, or a refusal, and what each costs."""

import json
import os
from collections.abc import Iterator

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from end_to_end.test_date_criteria import FORM, fetch_match_ids
from end_to_end.test_date_search import MODELS, Case
from end_to_end.test_split_searches import running_gateway
from structlog.testing import capture_logs
from support.date_facts import PROBED_SUPPORT
from support.raw_upstream import RawUpstream

from gateway.app import create_app
from gateway.emulator.settings import Variants
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer

CASES = int(os.environ.get("COUNT_CASES", "40"))
PROBED_MODELS = ("naive-sql", "reading-a", "reading-b")
UPSTREAMS = {name: (MODELS[name].variants, MODELS[name].support) for name in PROBED_MODELS} | {
    "ignored": (Variants(drop_date_filters=True), PROBED_SUPPORT),
    "first-of-each": (Variants(repeats="first", comma="first"), PROBED_SUPPORT),
}
FHIR_PATH = f"/integrator/sites/{SYDNEY}/fhir/R4"


SPELLINGS = ("?birthdate=ge1950-01-01T00%3A00%3A00%2B10%3A00&name=A", "?name=A&birthdate=ge1950")
PATIENT = {"resourceType": "Patient", "id": "1", "birthDate": "1960-01-01"}


@pytest.fixture(scope="module")
def scripted() -> Iterator[tuple[RawUpstream, str]]:
    """An upstream that always answers the same, and the URL of the gateway in front of it."""
    with (
        capture_logs(),
        RawUpstream() as upstream,
        ThreadedServer(create_app(settings_for(upstream.url))) as server,
    ):
        yield upstream, server.url + FHIR_PATH


def answer(upstream: RawUpstream, self_query: str, **fields: object) -> None:
    links = [{"relation": "self", "url": f"{upstream.url}{FHIR_PATH}/Patient{self_query}"}]
    links += [{"relation": "next", "url": f"{upstream.url}{FHIR_PATH}/Patient?page=2"}]
    upstream.request_lines.clear()
    upstream.respond(json.dumps({"resourceType": "Bundle", "type": "searchset", "link": links, **fields}))


def ask(url: str) -> httpx.Response:
    return httpx.get(url, headers=KEY, timeout=30, trust_env=False)


@pytest.mark.parametrize("count", ["_summary=count", "_count=0"])
@pytest.mark.parametrize(
    "self_query",
    ["", "?", "?birthdate=ge1950-01-01T00%3A00%3A00%2B10%3A00&name=A", "?name=A&birthdate=ge1950"],
)
def test_count_is_the_upstreams_total_whatever_self_spells(
    scripted: tuple[RawUpstream, str], self_query: str, count: str
) -> None:
    upstream, base = scripted
    entry = {
        "fullUrl": "urn:x",
        "resource": {"resourceType": "Patient", "id": "1", "birthDate": "1960-01-01"},
    }
    answer(upstream, self_query, total=37, entry=[entry])
    response = ask(f"{base}/Patient?birthdate=ge1950&name=A&{count}").json()
    assert (response["total"], response.get("entry"), len(upstream.request_lines)) == (37, None, 1)
    assert response["link"] == [
        {"relation": "self", "url": f"{base}/Patient?birthdate=ge1950&name=A&{count}"}
    ]


def test_refresh_by_the_self_link_keeps_every_criterion(scripted: tuple[RawUpstream, str]) -> None:
    upstream, base = scripted
    answer(upstream, "", total=37, entry=[{"fullUrl": "urn:x", "resource": PATIENT}])
    response = ask(f"{base}/Patient?name=A&gender=female").json()
    assert response["link"][0]["url"] == f"{base}/Patient?name=A&gender=female"


@pytest.mark.parametrize("fields", [{"total": 37}, {}])
def test_count_that_the_upstream_contradicts_is_refused(
    scripted: tuple[RawUpstream, str], fields: dict[str, object]
) -> None:
    upstream, base = scripted
    answer(upstream, "?name=A", **fields)
    response = ask(f"{base}/Patient?birthdate=ge1950&name=A&_summary=count")
    assert (response.status_code, len(upstream.request_lines)) == (400, 2)
    assert "page by page" in response.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize("model", ["naive-sql", "r4-a", "r4-b"])
@pytest.mark.parametrize(
    ("search", "queries"),
    [
        ("Patient?birthdate=ge1950", 1),
        ("Appointment?date=2026-04-02&status=booked", 1),
        ("Appointment?date=ne2026-04-02", 2),
        ("Observation?patient.birthdate=ge1980-02-03", 1),
        ("Encounter?date=ge2026-03", 1),
        ("Observation?date=ge2024-10-01&_include=Observation:patient", 1),
        ("Patient?name=a", 1),
    ],
)
def test_count_is_the_number_of_matches(pair: Pair, model: str, search: str, queries: int) -> None:
    pair.settings(variants={"date_model": model})
    number = len(set(fetch_match_ids(pair, f"{search}&_count=1000")))
    before = len(pair.sent())
    for count in ("_summary=count", "_count=0"):
        page = pair.get(f"{search}&{count}").json()
        assert (page["total"], page.get("entry"), [link["relation"] for link in page["link"]]) == (
            number,
            None,
            ["self"],
        )
    assert number > 0
    assert 2 <= len(pair.sent()) - before <= 2 * queries


def test_count_without_the_upstreams_total_is_exact(pair: Pair) -> None:
    page = pair.get("Patient?birthdate=ge1950&_count=0&_total=none").json()
    assert page["total"] == len(fetch_match_ids(pair, "Patient?birthdate=ge1950&_count=1000"))


def test_count_over_the_limit_costs_one_query_each_time(scripted: tuple[RawUpstream, str]) -> None:
    upstream, base = scripted
    patient = {"resourceType": "Observation", "id": "1", "effectiveDateTime": "2026-04-02T10:00:00+10:00"}
    answer(upstream, "", total=1_000, entry=[{"fullUrl": "urn:x", "resource": patient}])
    for cost in (1, 2):
        response = ask(f"{base}/Observation?date=ge2026&_summary=count")
        assert (response.status_code, len(upstream.request_lines)) == (400, cost)
    assert response.json()["issue"][0]["code"] == "too-costly"


def test_ignored_date_is_not_counted(pair: Pair) -> None:
    pair.settings(variants={"drop_date_filters": True})
    page = pair.get("Appointment?date=2026-04-02&_summary=count").json()
    assert page["total"] == len(fetch_match_ids(pair, "Appointment?date=2026-04-02&_count=1000"))


@pytest.mark.parametrize("form", ["_summary=count", "_count=0"])
def test_form_with_a_count_has_the_criteria_of_its_url(pair: Pair, form: str) -> None:
    url = f"{pair.base()}/Observation/_search?date=ge2024-10-01"
    page = pair.ask("POST", url, form.encode(), **FORM).json()
    number = len(fetch_match_ids(pair, "Observation?date=ge2024-10-01&_count=1000"))
    assert (page["total"], number > 0) == (number, True)


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("date=ge2024-10-01", "_elements=status"),
        ("_elements=status", "date=ge2024-10-01"),
        ("date=ge2024-10-01&_summary=text", "date=lt2030"),
        ("date=ge2024-10-01", "_summary=true&date=lt2030"),
        ("date=lt2030", "date=ge2024-10-01"),
        ("date=ge2024-10-01", ""),
    ],
)
def test_form_and_url_select_what_a_get_selects(pair: Pair, query: str, form: str) -> None:
    content = f"{form}&_count=1000" if "date" in form else form
    posted = f"{query}&_count=1000" if "date" not in form else query
    page = pair.ask("POST", f"{pair.base()}/Observation/_search?{posted}", content.encode(), **FORM).json()
    criteria = "&".join(part for part in (query, form) if "date" in part)
    matches = {item["resource"]["id"] for item in page["entry"] if item["search"]["mode"] == "match"}
    assert matches == set(fetch_match_ids(pair, f"Observation?{criteria}&_count=1000"))
    assert matches


def place_at_random(case: Case, url: str) -> tuple[str, bytes]:
    """URL and form of a POST search whose parameters are in either, in any order."""
    path, _, query = url.partition("?")
    parameters = query.split("&")
    case.random.shuffle(parameters)
    cut = case.random.randrange(len(parameters) + 1)
    return f"{path}/_search?{'&'.join(parameters[:cut])}", "&".join(parameters[cut:]).encode()


@pytest.mark.anyio
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(UPSTREAMS))
async def test_random_count_is_what_r4_defines(name: str) -> None:
    variants, support = UPSTREAMS[name]
    with capture_logs():
        async with running_gateway(variants, support) as gateway:
            for seed in range(10_000, 10_000 + CASES):
                case = Case(seed)
                rows = await gateway.active_resources(case.guid, case.kind)
                search = case.search(rows)
                count = case.random.choice(("_summary=count", "_count=0"))
                url = f"{case.url(search).partition('&_count')[0]}&{count}"
                target, content = place_at_random(case, url)
                headers = {"content-type": FORM["content_type"]}
                posted = await gateway.client.post(target, content=content, headers=headers)
                got = await gateway.client.get(url)
                assert got.status_code == posted.status_code, url
                gateway.counts[str(got.status_code)] += 1
                if got.status_code == 200:
                    number = len(case.expected(rows, search))
                    assert (got.json()["total"], posted.json()["total"]) == (number, number), url
    assert gateway.counts["200"] > CASES / 2
