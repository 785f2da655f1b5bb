"""Clients of the chaos test: readers, writers, batch, invalid key, disconnecting; behind a load balancer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from time import time
from typing import Any, Literal
from uuid import UUID

import httpx
import msgspec
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_truth import SYSTEM, Oracle, SearchWalk, family, identifier
from end_to_end.chaos_world import FAR, KEYS, NEAR, PUBLIC, QUIET, Processes, base

#: Attempts of a client before it gives a page up.
MAX_ATTEMPTS = 6
FHIR = {"content-type": "application/fhir+json"}
Ending = Literal["done", "unknown", "refused"]


@dataclass
class Call:
    """A request to a replica; status 0 without a response."""

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
    """A create, and its outcome for the writer."""

    site: str
    identifier: str
    ending: Ending = "unknown"


@dataclass
class Stale:
    """A read that did not show an update that the same writer had confirmed before."""

    site: str
    written: float
    read: float


@dataclass
class Observations:
    """Observations of all clients."""

    calls: list[Call] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)
    walks: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    rereads: int = 0


@dataclass
class LoadBalancer:
    """Replicas in turn; after a failure the next replica, except for a write that was sent."""

    world: Processes
    http: httpx.AsyncClient
    observations: Observations
    oracle: Oracle
    _next_index: int = 0

    async def send(
        self, client: "Client", method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[Call, httpx.Response | None]:
        """Send a request to the next replica, or after a failure to the one after it."""
        self._next_index += 1
        for index in (self._next_index, self._next_index + 1):
            replica = self.world.replicas[index % len(self.world.replicas)].url
            call, response, unsent = await self._send_to(client, replica, method, path, headers, content)
            if response is not None or not (unsent or method == "GET"):
                return call, response
        self.oracle.report_error("no replica responded")
        return call, None

    async def _send_to(
        self,
        client: "Client",
        replica: str,
        method: str,
        path: str,
        headers: dict[str, str],
        content: bytes | None,
    ) -> tuple[Call, httpx.Response | None, bool]:
        call = Call(client.next_request_id(), client.name, client.site, method, replica, time())
        self.observations.calls.append(call)
        all_headers = {**headers, "x-request-id": call.id}
        response, unsent = None, False
        try:
            response = await self.http.request(method, replica + path, headers=all_headers, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            unsent = True
        except httpx.TransportError as problem:
            call.code = type(problem).__name__
        finally:
            call.ended = time()
        if response is not None:
            call.status = response.status_code
            call.cache = response.headers.get("cache-status", "")
        return call, response, unsent


@dataclass
class Client:
    """A client of a site that performs one action after the other."""

    name: str
    site: str
    balancer: LoadBalancer
    plan: Plan
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.1
    _number: int = 0

    def __post_init__(self) -> None:
        self.random = Random(f"{self.plan.seed} {self.name}")
        key = self.key or KEYS[self.site]
        self.headers = {"ocp-apim-subscription-key": key, "accept": "application/fhir+json", **self.headers}

    def next_request_id(self) -> str:
        """Unique id for the next request."""
        self._number += 1
        return f"{self.name}-{self._number}".replace(" ", "-")

    async def send_request(
        self, method: str, path: str, content: bytes | None = None, **headers: str
    ) -> httpx.Response | None:
        """Send a request and return the response, if any. Check an error and wait for Retry-After."""
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        path = path.removeprefix(PUBLIC) if path.startswith("http") else f"{base(self.site)}/{path}"
        call, response = await self.balancer.send(self, method, path, self.headers | all_headers, content)
        if response is None:
            return None
        if response.status_code >= 400:
            call.code = self.balancer.oracle.check_error_response(response)
            wait = float(response.headers.get("retry-after", "1"))
            await asyncio.sleep(min(3.0, self.plan.scale(wait, 0.05)))
        return response

    async def run(self, until: Callable[[], bool]) -> None:
        """Perform actions until the end."""
        while not until():
            await self.act()
            await asyncio.sleep(self.pause * self.random.uniform(0.5, 1.5))

    async def act(self) -> None:
        """Perform one action."""
        raise NotImplementedError

    def random_headers(self) -> dict[str, str]:
        """Headers that force an upstream request, with a probability of 40 %."""
        return {"cache_control": "no-cache"} if self.random.random() < 0.4 else {}


class Reader(Client):
    """Reads patients and all pages of searches."""

    #: Searches by name, with their page sizes.
    walks: tuple[tuple[str, int], ...] = (("people", 7), ("diary", 60), ("results", 10), ("letters", 100))

    async def act(self) -> None:
        if self.random.random() < 0.5:
            await self._read_patient()
        else:
            name, count = self.random.choice(self.walks)
            await self.fetch_all(
                SearchWalk(self.balancer.oracle, self.site, name, count), **self.random_headers()
            )

    async def _read_patient(self) -> None:
        patient_id = self.random.choice(sorted(self.balancer.oracle.rows[self.site, "Patient"])[:12])
        response = await self.send_request("GET", f"Patient/{patient_id}", **self.random_headers())
        if response is not None and response.status_code < 400:
            patient = self.balancer.oracle.resource(self.site, response.content)
            if patient["id"] != patient_id:
                self.balancer.oracle.report_error("another patient")

    async def fetch_all(self, walk: SearchWalk, **headers: str) -> int:
        """Number of pages to the end; 0 if the client gives up."""
        url, attempts_left = walk.path(), MAX_ATTEMPTS
        while url and attempts_left:
            response = await self.send_request("GET", url, **headers)
            if response is not None and response.status_code == 200:
                url = walk.page(response.content)
            else:
                attempts_left -= 1
        self.balancer.observations.walks[not url] += 1
        return 0 if url else walk.pages


class Batch(Reader):
    """Reads a large search as background work."""

    async def act(self) -> None:
        await self.fetch_all(
            SearchWalk(self.balancer.oracle, self.site, "letters", 1_000), cache_control="no-cache"
        )


class Writer(Client):
    """Creates patients with unique identifiers, updates them and reads them."""

    version = 0

    async def act(self) -> None:
        identifier_value = self.new_identifier()
        patient = await self.create("Patient", identifier_value, _patient(self.site, identifier_value))
        if patient and self.random.random() < 0.5:
            await self._update_and_reread(patient["id"], identifier_value)

    def new_identifier(self) -> str:
        return str(UUID(int=self.random.getrandbits(128)))

    async def create(self, kind: str, identifier_value: str, body: bytes) -> dict[str, Any]:
        """Create a resource, note the outcome and return the created resource; empty without one."""
        write = Write(self.site, identifier_value)
        self.balancer.observations.writes.append(write)
        response = await self.send_request("POST", kind, body, **FHIR)
        if response is None:
            return {}
        if response.status_code >= 400:
            write.ending = "unknown" if has_unknown_outcome(response) else "refused"
            return {}
        write.ending = "done"
        return self._created_resource(response, identifier_value)

    def _created_resource(self, response: httpx.Response, identifier_value: str) -> dict[str, Any]:
        oracle = self.balancer.oracle
        if not response.content:
            oracle.report_error("a create without a body in the response")
            return {}
        resource = oracle.resource(self.site, response.content)
        if response.status_code == 201 and identifier(resource) == identifier_value:
            return resource
        oracle.report_error("a create with another resource in the response")
        return {}

    async def _update_and_reread(self, name: str, identifier_value: str) -> None:
        """Update a patient three times; confirmed updates must be visible at once."""
        possible_dates: set[str] = set()
        for version in range(3):
            await self._reread(name, possible_dates, time())
            body = _patient(self.site, identifier_value, id=name, birthDate=f"20{version + 10}-01-01")
            started = time()
            response = await self.send_request("PUT", f"Patient/{name}", body, **FHIR)
            if response is not None and response.status_code == 200:
                possible_dates = {f"20{version + 10}-01-01"}
            elif response is None or has_unknown_outcome(response):
                possible_dates = possible_dates and possible_dates | {f"20{version + 10}-01-01"}
            await self._reread(name, possible_dates, started)

    async def _reread(self, name: str, possible_dates: set[str], written: float) -> None:
        response = await self.send_request("GET", f"Patient/{name}")
        if response is None or response.status_code != 200 or not possible_dates:
            return
        self.balancer.observations.rereads += 1
        if self.balancer.oracle.resource(self.site, response.content).get("birthDate") not in possible_dates:
            self.balancer.observations.stale.append(Stale(self.site, written, time()))


class InvalidKeyClient(Client):
    """Uses an invalid key."""

    async def act(self) -> None:
        response = await self.send_request("GET", "Patient/1")
        if response is not None and response.status_code not in {401, 503}:
            self.balancer.oracle.report_error(f"{response.status_code} for an invalid key")


class DisconnectingClient(Client):
    """Disconnects before most responses."""

    async def act(self) -> None:
        try:
            async with asyncio.timeout(self.random.uniform(0.005, 0.2)):
                await self.send_request("GET", "Patient?_count=7", cache_control="no-cache")
        except TimeoutError:
            return


def create_clients(balancer: LoadBalancer, plan: Plan) -> list[Client]:
    """All clients."""
    readers = [
        Reader(f"reader {site[-4:]} {number}", site, balancer, plan) for site in KEYS for number in range(4)
    ]
    writers = [Writer(f"writer {site[-4:]}", site, balancer, plan, pause=0.2) for site in KEYS]
    background = {"priority": "u=7"}
    batch = [
        Batch(f"batch {site[-4:]}", site, balancer, plan, headers=background, pause=1) for site in (NEAR, FAR)
    ]
    invalid_key = InvalidKeyClient("invalid key", QUIET, balancer, plan, key="invalid-key", pause=0.3)
    return [
        *readers,
        *writers,
        *batch,
        invalid_key,
        DisconnectingClient("disconnecting", NEAR, balancer, plan),
    ]


def has_unknown_outcome(response: httpx.Response) -> bool:
    """Whether an error response has the code `write-outcome-unknown`."""
    codes = [coding["code"] for coding in response.json()["issue"][0]["details"]["coding"]]
    return "write-outcome-unknown" in codes


def _patient(site: str, identifier_value: str, **more: Any) -> bytes:
    names = {
        "name": [{"family": family(site)}],
        "identifier": [{"system": SYSTEM, "value": identifier_value}],
    }
    return msgspec.json.encode({"resourceType": "Patient", **names, "gender": "other", **more})
