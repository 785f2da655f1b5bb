"""CPU time of a request by its number of parameters, and the time for which a refused one holds the loop."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import process_time

import httpx
import pytest
from adversary.costly_requests import ATTACKS, FORM, JSON, KEY, LARGEST, Attack, explain, send
from conftest import settings_for
from structlog.testing import capture_logs
from support.loop_watch import LoopWatch

from benchmarks.measure import print_aim, print_table
from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache, Search, Server, Settings

pytestmark = [pytest.mark.bench, pytest.mark.anyio]
FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"
COUNTS = (10, 100, 1_000, 10_000)
#: Ten times as many parameters may cost this much more: the table of known names holds 1,024, so that with
#: 10,000 new names each is resolved again. The work of pairs would cost 100 times as much.
MAX_RATIO = 15
UNLIMITED = 10_000_000


#: Request with that many parameters; the round makes its names new, so that no table knows them yet.
Shape = Callable[[int, int], Attack]


def parameters(pattern: str, count: int, number: int) -> str:
    return "&".join(pattern.format(f"{number}x{index:06}") for index in range(count))


def search(path: str, pattern: str) -> Shape:
    """Form with that many parameters."""
    return lambda count, number: Attack(
        "POST", f"{FHIR}/{path}/_search", parameters(pattern, count, number), FORM
    )


def listed(path: str, name: str, pattern: str) -> Shape:
    """Form with one list of that many values."""
    return lambda count, number: Attack(
        "POST",
        f"{FHIR}/{path}/_search",
        f"{name}=" + parameters(pattern, count, number).replace("&", ","),
        FORM,
    )


def explained(count: int, number: int) -> Attack:
    search_text = "Patient?" + parameters("n{}=1", count, number)
    return Attack("POST", f"{FHIR}/$explain", explain(search_text), JSON)


def conditional_create(count: int, number: int) -> Attack:
    criteria = {"if-none-exist": parameters("n{}=1", count, number)}
    return Attack("POST", f"{FHIR}/Patient", '{"resourceType":"Patient"}', JSON | criteria)


SHAPES: dict[str, Shape] = {
    "distinct names": search("Patient", "n{}=1"),
    "one name repeated": search("Patient", "identifier={}"),
    "dates with ne": search("Appointment", "date=ne2026-05-04&x=1"),
    "dates with ge": search("Appointment", "date=ge2026-05-04&x=1"),
    "distinct names of dates": search("Appointment", "patient:Patient.birthdate:m{}=2026"),
    "chains": search("Observation", "subject:Patient.organization.name:m{}=1"),
    "_has": search("Patient", "_has:Observation:patient:c{}=1"),
    "includes": search("Patient", "_include=Patient:link{}"),
    "list of patients": listed("Observation", "patient", "{}"),
    "list of dates": listed("Appointment", "date", "2026-05-04"),
    "$explain": explained,
    "If-None-Exist": conditional_create,
}


def unlimited_settings() -> Settings:
    """Settings whose limits are no limits for these requests, with a cache."""
    limits = dict.fromkeys(Search().limits._fields, UNLIMITED)
    server = Server(max_body=UNLIMITED, max_headers=UNLIMITED)
    return settings_for("http://127.0.0.1:9").model_copy(
        update={"search": Search.model_validate(limits), "server": server, "cache": Cache()}
    )


def respond(request: httpx.Request) -> httpx.Response:
    """An empty searchset, whose `self` link repeats the search."""
    link = {"relation": "self", "url": str(request.url)}
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 0, "link": [link]}
    return httpx.Response(200, json=bundle)


@pytest.fixture
async def client() -> Iterator[httpx.AsyncClient]:
    app = create_app(unlimited_settings(), transport=httpx.MockTransport(respond))
    with capture_logs():
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example") as opened,
        ):
            yield opened


async def cpu_ms(client: httpx.AsyncClient, shape: Shape, count: int, rounds: int = 3) -> float:
    """CPU time of a request that no cache answers, in ms; the best of some rounds."""
    times = []
    for number in range(rounds):
        request = shape(count, number)
        headers = {**KEY, "cache-control": "no-cache", **request.headers}
        with without_collector():
            start = process_time()
            response = await client.request(
                request.method, request.path, content=request.content, headers=headers
            )
            times.append((process_time() - start) * 1000)
        assert "server.max_" not in response.text
        assert "search.max_" not in response.text
    return min(times)


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection: its time depends on what else the process holds."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_work_is_linear_in_the_number_of_parameters(client: httpx.AsyncClient) -> None:
    rows: list[Sequence[object]] = []
    ratios: dict[str, float] = {}
    for name, shape in SHAPES.items():
        times = [await cpu_ms(client, shape, count) for count in COUNTS]
        ratios[name] = times[-1] / times[-2]
        rows.append((name, *(f"{time:.2f}" for time in times), f"{ratios[name]:.1f}"))
    head = ("CPU ms of a request", *(f"{count:,}" for count in COUNTS), "10,000 : 1,000")
    print_table("limits raised", head, rows)
    for name, ratio in ratios.items():
        print_aim(f"{name}, 10,000 : 1,000", ratio, MAX_RATIO)
    assert max(ratios.values()) <= MAX_RATIO


def test_refused_request_holds_the_loop_shortly() -> None:
    settings = settings_for("http://127.0.0.1:9").model_copy(update={"cache": Cache()})
    app = LoopWatch(create_app(settings))
    with capture_logs(), ThreadedServer(app) as server:
        httpx.get(f"{server.url}/livez", trust_env=False)
        figures = {
            name: (
                send(server.url, request).status_code,
                app.longest_turn(partial(send, server.url, request)),
            )
            for name, request in (ATTACKS | LARGEST).items()
        }
    rows = [(name, status, f"{seconds * 1000:.1f}") for name, (status, seconds) in figures.items()]
    print_table("requests that are not sent upstream", ("request", "status", "longest turn, ms"), rows)
    longest = max(seconds for _, seconds in figures.values()) * 1000
    print_aim("longest turn of the loop, ms", longest, 10)
    assert longest <= 10
