"""Who asks: readers, writers, batch work, a stranger, somebody who hangs up, all behind a load balancer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from time import time
from typing import Any, Literal
from uuid import UUID

import httpx
import msgspec
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_truth import SYSTEM, Truth, Walk, family, identifier
from end_to_end.chaos_world import FAR, KEYS, NEAR, PUBLIC, QUIET, World, base

#: Times that a client asks again before it gives a page up.
TRIES = 6
FHIR = {"content-type": "application/fhir+json"}
Ending = Literal["done", "unknown", "refused"]


@dataclass
class Call:
    """One request that a replica was sent; status 0 when there was no answer."""

    id: str
    client: str
    site: str
    method: str
    replica: str
    started: float
    ended: float = 0.0
    status: int = 0
    code: str = ""
    cache: str = ""


@dataclass
class Write:
    """One create, and what its writer was told."""

    site: str
    identifier: str
    ending: Ending = "unknown"


@dataclass
class Stale:
    """A read that did not show what had been confirmed to the same writer before."""

    site: str
    written: float
    read: float


@dataclass
class Seen:
    """Everything the clients met."""

    calls: list[Call] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)
    walks: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    reread: int = 0


@dataclass
class Front:
    """A load balancer: replicas in turn; the other one when one is gone, but never with a write once sent."""

    world: World
    http: httpx.AsyncClient
    seen: Seen
    truth: Truth
    _turn: int = 0

    async def send(
        self, client: "Client", method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[Call, httpx.Response | None]:
        """The answer of the replica whose turn it is, or of the other one."""
        self._turn += 1
        for turn in (self._turn, self._turn + 1):
            replica = self.world.replicas[turn % 2].url
            call, answer, unsent = await self._sent(client, replica, method, path, headers, content)
            if answer is not None or not (unsent or method == "GET"):
                return call, answer
        self.truth.accuse("no replica answered")
        return call, None

    async def _sent(
        self,
        client: "Client",
        replica: str,
        method: str,
        path: str,
        headers: dict[str, str],
        content: bytes | None,
    ) -> tuple[Call, httpx.Response | None, bool]:
        call = Call(client.identity(), client.name, client.site, method, replica, time())
        self.seen.calls.append(call)
        named = {**headers, "x-request-id": call.id}
        answer, unsent = None, False
        try:
            answer = await self.http.request(method, replica + path, headers=named, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            unsent = True
        except httpx.TransportError as problem:
            call.code = type(problem).__name__
        finally:
            call.ended = time()
        if answer is not None:
            call.status = answer.status_code
            call.cache = answer.headers.get("cache-status", "")
        return call, answer, unsent


@dataclass
class Client:
    """One client of one site, who does one thing after another."""

    name: str
    site: str
    front: Front
    plan: Plan
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.1
    _number: int = 0

    def __post_init__(self) -> None:
        self.random = Random(f"{self.plan.seed} {self.name}")
        key = self.key or KEYS[self.site]
        self.headers = {"ocp-apim-subscription-key": key, "accept": "application/fhir+json", **self.headers}

    def identity(self) -> str:
        """A request id of its own for every request."""
        self._number += 1
        return f"{self.name}-{self._number}".replace(" ", "-")

    async def ask(
        self, method: str, path: str, content: bytes | None = None, **headers: str
    ) -> httpx.Response | None:
        """The answer, if there is one; a failure is judged and, where it asks for that, waited out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = path.removeprefix(PUBLIC) if path.startswith("http") else f"{base(self.site)}/{path}"
        call, answer = await self.front.send(self, method, path, self.headers | named, content)
        if answer is None:
            return None
        if answer.status_code >= 400:
            call.code = self.front.truth.refused(answer)
            wait = float(answer.headers.get("retry-after", "1"))
            await asyncio.sleep(min(3.0, self.plan.scaled(wait, 0.05)))
        return answer

    async def live(self, until: Callable[[], bool]) -> None:
        """Do one thing after another."""
        while not until():
            await self.act()
            await asyncio.sleep(self.pause * self.random.uniform(0.5, 1.5))

    async def act(self) -> None:
        """What this client does."""
        raise NotImplementedError

    def fresh(self) -> dict[str, str]:
        """Sometimes what makes the gateway ask upstream."""
        return {"cache_control": "no-cache"} if self.random.random() < 0.4 else {}


class Reader(Client):
    """Reads patients and walks through searches."""

    async def act(self) -> None:
        if self.random.random() < 0.5:
            await self._read()
        else:
            name, count = self.random.choice(
                (("people", 7), ("diary", 60), ("results", 10), ("letters", 100))
            )
            await self.walk(Walk(self.front.truth, self.site, name, count), **self.fresh())

    async def _read(self) -> None:
        wanted = self.random.choice(sorted(self.front.truth.rows[self.site, "Patient"])[:12])
        answer = await self.ask("GET", f"Patient/{wanted}", **self.fresh())
        if answer is not None and answer.status_code < 400:
            found = self.front.truth.resource(self.site, answer.content)
            if found["id"] != wanted:
                self.front.truth.accuse("another patient")

    async def walk(self, walk: Walk, **headers: str) -> int:
        """The number of pages of a walk to the end; 0 for one that was given up."""
        url, tries = walk.path(), TRIES
        while url and tries:
            answer = await self.ask("GET", url, **headers)
            if answer is not None and answer.status_code == 200:
                url = walk.page(answer.content)
            else:
                tries -= 1
        self.front.seen.walks[not url] += 1
        return 0 if url else walk.pages


class Batch(Reader):
    """Walks through what is large, as background work."""

    async def act(self) -> None:
        await self.walk(Walk(self.front.truth, self.site, "letters", 1_000), cache_control="no-cache")


class Writer(Client):
    """Adds patients with identifiers of its own; changes the last one and looks at it."""

    version = 0

    async def act(self) -> None:
        mark = str(UUID(int=self.random.getrandbits(128)))
        write = Write(self.site, mark)
        self.front.seen.writes.append(write)
        answer = await self.ask("POST", "Patient", _patient(self.site, mark), **FHIR)
        if answer is None:
            return
        if answer.status_code >= 400:
            write.ending = "unknown" if _open(answer) else "refused"
            return
        write.ending = "done"
        if not answer.content:
            self.front.truth.accuse("a create confirmed with nothing")
            return
        found = self.front.truth.resource(self.site, answer.content)
        if answer.status_code != 201 or identifier(found) != mark:
            self.front.truth.accuse("a create answered with something else")
        elif self.random.random() < 0.5:
            await self._kept(found["id"], mark)

    async def _kept(self, name: str, mark: str) -> None:
        """Change it a few times: what was confirmed is seen at once."""
        may_be: set[str] = set()
        for version in range(3):
            await self._get(name, may_be, time())
            changed = _patient(self.site, mark, id=name, birthDate=f"20{version + 10}-01-01")
            started = time()
            answer = await self.ask("PUT", f"Patient/{name}", changed, **FHIR)
            if answer is not None and answer.status_code == 200:
                may_be = {f"20{version + 10}-01-01"}
            elif answer is None or _open(answer):
                may_be = may_be and may_be | {f"20{version + 10}-01-01"}
            await self._get(name, may_be, started)

    async def _get(self, name: str, may_be: set[str], written: float) -> None:
        answer = await self.ask("GET", f"Patient/{name}")
        if answer is None or answer.status_code != 200 or not may_be:
            return
        self.front.seen.reread += 1
        if self.front.truth.resource(self.site, answer.content).get("birthDate") not in may_be:
            self.front.seen.stale.append(Stale(self.site, written, time()))


class Stranger(Client):
    """Has a key that is not valid."""

    async def act(self) -> None:
        answer = await self.ask("GET", "Patient/1")
        if answer is not None and answer.status_code not in {401, 503}:
            self.front.truth.accuse(f"{answer.status_code} for an invalid key")


class Impatient(Client):
    """Hangs up before most answers come."""

    async def act(self) -> None:
        try:
            async with asyncio.timeout(self.random.uniform(0.005, 0.2)):
                await self.ask("GET", "Patient?_count=7", cache_control="no-cache")
        except TimeoutError:
            return


def clients(front: Front, plan: Plan) -> list[Client]:
    """Everybody."""
    readers = [
        Reader(f"reader {site[-4:]} {number}", site, front, plan) for site in KEYS for number in range(4)
    ]
    writers = [Writer(f"writer {site[-4:]}", site, front, plan, pause=0.2) for site in KEYS]
    background = {"priority": "u=7"}
    batch = [
        Batch(f"batch {site[-4:]}", site, front, plan, headers=background, pause=1) for site in (NEAR, FAR)
    ]
    stranger = Stranger("stranger", QUIET, front, plan, key="nobodys-key", pause=0.3)
    return [*readers, *writers, *batch, stranger, Impatient("impatient", NEAR, front, plan)]


def _open(answer: httpx.Response) -> bool:
    """Whether a failure says that nobody knows if the change was made."""
    codes = [each["code"] for each in answer.json()["issue"][0]["details"]["coding"]]
    return "write-outcome-unknown" in codes


def _patient(site: str, mark: str, **more: Any) -> bytes:
    names = {"name": [{"family": family(site)}], "identifier": [{"system": SYSTEM, "value": mark}]}
    return msgspec.json.encode({"resourceType": "Patient", **names, "gender": "other", **more})


Act = Callable[[], Awaitable[None]]
