"""Random reads, searches, writes, purges, faults and clocks over two replicas, compared with a model.

No answer may be stale (older than its lifetime, or than a write or purge through either replica), crossed
(another caller's or site's), doubled or lost; at the end the ledger equals the emulator's bill.

`STATEFUL_STEPS` and `STATEFUL_SEED` set the walk. It found each of these mutants with seed 1: a write that
invalidates nothing; writes and ready responses of the other replica unchecked; no caller in the cache key;
lifetimes times ten; `*` for one type only; a purge without effect, or of a patient without broad searches;
304 for any ETag; a digest without entries; ready responses ten times as long. It does not find a cache key
without the site, because the counters of a site's writes differ.
"""

import asyncio
import os
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from conftest import settings_for
from end_to_end.stateful_model import (
    AFFECTED,
    CALLER_PLACEHOLDER,
    Content,
    History,
    Query,
    content_of,
    mark_of,
    patient_of,
    patient_queries,
    read_query,
    site_queries,
)
from starlette.applications import Starlette
from structlog.testing import capture_logs
from support.redis_server import redis_server
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.settings import Settings

STEPS = int(os.environ.get("STATEFUL_STEPS", "300"))
SEED = int(os.environ.get("STATEFUL_SEED", "1"))

START = datetime(2026, 3, 2, tzinfo=UTC)
SITES = (SYDNEY, BRISBANE)
#: Subscription key -> name that stands in every resource for this caller.
CALLERS = {"demo-key": "caller-1", "other-key": "caller-2"}
PATIENTS = ("1", "2", "3")
ADMIN = {"Authorization": f"Bearer {SECRET}"}
#: Faults of one upstream request each; none makes pages smaller, because pages are no snapshot.
FAULTS = ("connect", "lost", "no-contact", "unreachable", "slow-query", "answer")
MAX_STEP_LOG = 30


def settings(upstream: str, redis_url: str) -> Settings:
    """Two replicas' settings: faults end quickly, because circuits and retries wait in real time."""
    document = settings_for(upstream).model_dump(exclude_unset=True, mode="json")
    return Settings.model_validate(
        document
        | {
            "cache": {"redis": {"url": redis_url, "timeout": 5}, "keys": [SECRET]},
            "paging": {"keys": [SECRET]},
            "admin": {"token": SECRET},
            "circuit_breaker": {"initial_open_seconds": 0.001, "max_open_seconds": 0.002},
        }
    )


class Upstream(httpx.AsyncBaseTransport):
    """The emulator with the caller's name in every resource, and with faults of its connection."""

    def __init__(self, app: Starlette, random: Random) -> None:
        self._inner = httpx.ASGITransport(app)
        self._random = random
        self.fault = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fault, self.fault = self.fault, ""
        await self._let_others_run()
        if fault == "connect":
            raise httpx.ConnectError("refused")
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        await self._let_others_run()
        if fault == "lost" and response.is_success:  # a lost refusal would be maybe-billed
            raise httpx.ReadError("reset")
        name = CALLERS[request.headers["ocp-apim-subscription-key"]]
        content = body.replace(CALLER_PLACEHOLDER.encode(), name.encode())
        return httpx.Response(response.status_code, headers=response.headers, content=content)

    async def _let_others_run(self) -> None:
        for _ in range(self._random.randrange(3)):
            await asyncio.sleep(0)


class World:
    """Emulator, Redis and two replicas, with clocks that only this test moves."""

    def __init__(self, redis_url: str, seed: int) -> None:
        self.random = Random(seed)
        self.seconds = self.offset = 0.0
        self.emulator = create_emulator(EmulatorSettings(patients=5, documents=0), self.wall_clock)
        self.upstream = Upstream(self.emulator, self.random)
        self.settings = settings("http://upstream.example", redis_url)
        self.histories = {site: History(self.state.practices[site]) for site in SITES}
        self.marks = 0
        self.replicas: list[tuple[AsyncExitStack, httpx.AsyncClient]] = []
        for site in SITES:
            self._fill(site)

    @property
    def state(self) -> Any:
        return self.emulator.state.emulator

    def wall_clock(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.offset)

    async def start_replica(self) -> tuple[AsyncExitStack, httpx.AsyncClient]:
        app = create_app(
            self.settings, transport=self.upstream, now=self.wall_clock, monotonic=lambda: self.seconds
        )
        stack = AsyncExitStack()
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://gw.example", timeout=60)
        return stack, await stack.enter_async_context(client)

    async def restart(self, number: int) -> None:
        """Replace a replica by a new process, which knows nothing but what Redis has."""
        await self.replicas[number][0].aclose()
        self.replicas[number] = await self.start_replica()

    def new_mark(self, site: str) -> str:
        self.marks += 1
        return f"{site[-4:]}-{self.marks}-{CALLER_PLACEHOLDER}"

    def change_directly(self, site: str, resource: dict[str, Any]) -> None:
        """Change a row as the practice's own software does, behind the gateway."""
        self.state.practices[site].update(resource)
        self.histories[site].update(self.seconds)

    def _fill(self, site: str) -> None:
        practice = self.state.practices[site]
        for type_ in practice.tables:
            practice.tables[type_] = {}
        for id_ in PATIENTS:
            for resource in (patient(id_), allergy(id_, id_), booking(id_, id_)):
                self.change_directly(site, marked(resource, self.new_mark(site)))


def patient(id_: str, gender: str = "female") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "active": True, "gender": gender}


def allergy(id_: str, patient_id: str) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "id": id_,
        "patient": {"reference": f"Patient/{patient_id}"},
    }


def booking(id_: str, patient_id: str) -> dict[str, Any]:
    participant = {"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}
    times = {"start": "2026-03-03T09:00:00+10:00", "end": "2026-03-03T09:15:00+10:00"}
    fields = {"resourceType": "Appointment", "id": id_, "status": "booked"}
    return fields | times | {"participant": [participant]}


def marked(resource: dict[str, Any], mark: str) -> dict[str, Any]:
    """A resource with a text that names its version."""
    field = {
        "Patient": {"name": [{"family": "Testperson", "text": mark}]},
        "AllergyIntolerance": {"note": [{"text": mark}]},
        "Appointment": {"description": mark},
    }
    return resource | field[resource["resourceType"]]


class Walk:
    """Random steps; a wrong answer raises AssertionError with the steps before it."""

    def __init__(self, world: World) -> None:
        self.world, self.random = world, world.random
        self.steps: deque[str] = deque(maxlen=MAX_STEP_LOG)
        self.counts: Counter[str] = Counter()
        self.etags: dict[tuple[str, str, str], tuple[str, Content]] = {}
        self.recent: deque[tuple[str, str, Query]] = deque(maxlen=4)

    async def step(self) -> None:
        (action,) = self.random.choices(
            [
                *(self.read, self.write, self.change, self.wait, self.burst, self.purge),
                *(self.fail, self.set_clock, self.restart),
            ],
            [60, 5, 5, 7, 4, 2, 3, 1, 0.1],
        )
        await action()

    def log(self, text: str) -> None:
        self.steps.append(f"{self.world.seconds:.1f} {text}")

    def require(self, condition: bool, text: str) -> None:
        assert condition, "\n".join([f"seed {SEED}: {text}", *self.steps])

    async def read(self) -> None:
        """Read or search as any caller through any replica, and judge the answer."""
        site, key, query = self._any_query()
        number, history = self.random.randrange(2), self.world.histories[site]
        first = history.first_state(query)
        response = await self.send(
            "GET", number, site, key, query.path, headers=self._conditions(site, key, query)
        )
        history.update(self.world.seconds)
        if response.status_code not in {200, 304, 404}:
            self.counts["failed"] += 1
            return
        content = self._content(response, site, key, query)
        self.counts[
            f"{response.status_code} {response.headers['cache-status'].split(';')[1].strip()[:3]}"
        ] += 1
        permitted = history.permits(query, without_callers(content), self.world.seconds, first)
        latest = query.result(history.states[-1])
        self.require(permitted, f"{response.headers['cache-status']} {content}; now it is {latest}")
        self.require(callers_in(content) <= {CALLERS[key]}, "another caller's answer")

    def _any_query(self) -> tuple[str, str, Query]:
        """Return a site, a caller and a query; mostly recent ones, so that there are hits."""
        if self.recent and self.random.random() < 0.85:
            site, key, query = self.random.choice(self.recent)
            return site, self.random.choice([key, key, *CALLERS]), query
        self.recent.append((self.random.choice(SITES), self.random.choice(list(CALLERS)), self._new_query()))
        return self.recent[-1]

    def _new_query(self) -> Query:
        id_ = self.random.choice((*PATIENTS, *PATIENTS, "99"))
        type_ = self.random.choice(("Patient", "AllergyIntolerance", "Appointment"))
        reads = [read_query(type_, id_), read_query(type_, id_)]
        return self.random.choice([*reads, *patient_queries(id_), *site_queries()])

    def _conditions(self, site: str, key: str, query: Query) -> dict[str, str]:
        """Sometimes the ETag of an earlier answer, or a cache directive."""
        known = self.etags.get((site, key, query.path))
        if known and self.random.random() < 0.3:
            return {"if-none-match": known[0]}
        directive = self.random.choice(["no-cache", "max-age=2", "no-store"])
        return {"cache-control": directive} if self.random.random() < 0.1 else {}

    def _content(self, response: httpx.Response, site: str, key: str, query: Query) -> Content:
        if response.status_code == 404:
            return None
        if response.status_code == 304:
            return self.etags[site, key, query.path][1]
        body = response.json()
        if body["resourceType"] != "Bundle":
            content = content_of([("match", body)])
        else:
            entries = [(entry["search"]["mode"], entry["resource"]) for entry in body.get("entry", [])]
            total = body["total"] if "_summary=count" in query.path else None
            content = content_of(entries, total)
        if response.headers.get("etag"):
            self.etags[site, key, query.path] = response.headers["etag"], content
        return content

    async def write(self) -> None:
        """Create or update through any replica; what was changed must be seen from then on."""
        site, key, number = (
            self.random.choice(SITES),
            self.random.choice(list(CALLERS)),
            self.random.randrange(2),
        )
        id_, mark = self.random.choice(PATIENTS), self.world.new_mark(site)
        resource = self.random.choice(
            [patient(id_, self.random.choice(["female", "male"])), booking(id_, id_)]
        )
        is_create = resource["resourceType"] == "Appointment" and self.random.random() < 0.3
        history, type_ = self.world.histories[site], resource["resourceType"]
        if is_create:
            resource = {name: value for name, value in booking("", id_).items() if name != "id"}
        path = type_ if is_create else f"{type_}/{id_}"
        response = await self.send(
            "POST" if is_create else "PUT", number, site, key, path, json=marked(resource, mark)
        )
        history.update(self.world.seconds)
        count = sum(mark == mark_of(row) for row in history.states[-1].rows[type_])
        if response.status_code < 300:
            self.require(
                count == 1 and CALLERS[key] in mark_of(response.json()), "a write is lost or doubled"
            )
        self.require(count <= 1, "a write is doubled")
        self.counts["written" if count else "not written"] += 1
        history.require_current(AFFECTED[type_])

    async def change(self) -> None:
        """Change or create a row behind the gateway, or delete all rows of a type about a patient."""
        site, id_ = self.random.choice(SITES), self.random.choice(PATIENTS)
        resource = self.random.choice(
            [allergy(id_, self.random.choice(PATIENTS)), booking(id_, id_), patient(id_)]
        )
        self.log(f"change {site[-4:]} {resource['resourceType']}/{id_}")
        table = self.world.state.practices[site].tables[resource["resourceType"]]
        if resource["resourceType"] != "Patient" and self.random.random() < 0.4:
            for row in [record.resource for record in table.values() if patient_of(record.resource) == id_]:
                del table[row["id"]]
            self.world.histories[site].update(self.world.seconds)
            return
        self.world.change_directly(site, marked(resource, self.world.new_mark(site)))

    async def wait(self) -> None:
        """Let time pass."""
        self.world.seconds += self.random.choice([0.5, 0.5, 1, 1, 2, 3, 4, 6, 10, 29, 61])

    async def set_clock(self) -> None:
        """Set the clocks of all replicas back by an hour, or right again."""
        self.world.offset = self.random.choice([0.0, -3_600.0])
        self.log(f"clock {self.world.offset}")

    async def burst(self) -> None:
        """Several reads, and perhaps a write, at the same time."""
        actions: list[Callable[[], Any]] = [self.read] * self.random.randrange(2, 6)
        if self.random.random() < 0.5:
            actions.insert(self.random.randrange(len(actions)), self.write)
        await asyncio.gather(*(action() for action in actions))

    async def purge(self) -> None:
        """Purge a site, a type or a patient; earlier answers end for all replicas.

        Mostly after a change behind the gateway, which the purge makes visible.
        """
        for _ in range(self.random.randrange(4)):
            await self.change()
        site, number = self.random.choice(SITES), self.random.randrange(2)
        type_, id_ = self.random.choice(
            [("", ""), ("Patient", ""), ("AllergyIntolerance", ""), ("", "1"), ("", "2")]
        )
        body = {"site": site} | ({"type": type_} if type_ else {}) | ({"patient": id_} if id_ else {})
        self.log(f"purge {body}")
        client = self.world.replicas[number][1]
        response = await client.post("/admin/purge", json=body, headers=ADMIN)
        self.require(response.status_code == 200, response.text)
        self.world.histories[site].require_current({type_ or "*"}, id_)

    async def fail(self) -> None:
        """Let the next upstream request fail."""
        fault = self.random.choice(FAULTS)
        self.log(f"fault {fault}")
        if fault in {"connect", "lost"}:
            self.world.upstream.fault = fault
        else:
            rule = FaultRule.model_validate({"kind": fault, "times": 1, "path": "fhir"})
            self.world.state.fault_rules.rules.append(rule)

    async def restart(self) -> None:
        """Replace a replica, unless the clock is wrong: the other replica's clock would differ by an hour."""
        if not self.world.offset:
            self.log("restart")
            await self.world.restart(self.random.randrange(2))

    async def send(
        self, method: str, number: int, site: str, key: str, path: str, **options: Any
    ) -> httpx.Response:
        self.log(f"{number} {method} {site[-4:]} {key} {path} {options}")
        headers = {"ocp-apim-subscription-key": key} | options.pop("headers", {})
        if "json" in options:
            headers["content-type"] = "application/fhir+json"
        url = f"/integrator/sites/{site}/fhir/R4/{path}"
        response = await self.world.replicas[number][1].request(method, url, headers=headers, **options)
        if response.status_code >= 400:
            self.log(f"{response.status_code} {response.json()['issue'][0]['details']['coding'][0]['code']}")
            self.require(response.json()["resourceType"] == "OperationOutcome", response.text)
        return response


def without_callers(content: Content) -> Content:
    """Content as the practice has it."""
    if content is None:
        return None
    entries, total = content
    return frozenset(((mode, id_, _neutral(mark)), count) for (mode, id_, mark), count in entries), total


def _neutral(mark: str) -> str:
    return mark[: -len(CALLER_PLACEHOLDER)] + CALLER_PLACEHOLDER


def callers_in(content: Content) -> set[str]:
    """Names of the callers for whom the resources were sent."""
    return {mark[-len(CALLER_PLACEHOLDER) :] for (_, _, mark), _ in content[0]} if content else set()


@asynccontextmanager
async def running_world(redis_url: str) -> AsyncIterator[World]:
    world = World(redis_url, SEED)
    world.replicas = [await world.start_replica() for _ in range(2)]
    yield world
    for stack, _ in world.replicas:
        await stack.aclose()


async def ledger_queries(world: World) -> dict[str, int]:
    """Queries that the ledger of both replicas counts as billed or perhaps billed, by site."""
    stack, client = await world.start_replica()
    async with stack:
        rows = (await client.get("/admin/ledger", headers=ADMIN)).json()["rows"]
    billed = [row for row in rows if row["class"] in {"billed", "maybe-billed"}]
    return {site: sum(row["queries"] for row in billed if row["site"] == site) for site in SITES}


@pytest.mark.anyio
@pytest.mark.timeout(600)
async def test_no_answer_is_stale_crossed_doubled_or_lost() -> None:
    with redis_server() as redis, capture_logs():
        async with running_world(redis.url) as world:
            walk = Walk(world)
            for _ in range(STEPS):
                await walk.step()
        bill = Counter[str]()
        for (_, site, _), queries in world.state.bill.queries.items():
            bill[site] += queries
        assert await ledger_queries(world) == dict(bill)
    answered = sum(count for name, count in walk.counts.items() if name[:3] in {"200", "304", "404"})
    assert walk.counts["failed"] < answered / 5, walk.counts
    assert walk.counts["200 hit"] > answered / 10, walk.counts
