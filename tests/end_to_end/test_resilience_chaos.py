"""Practices that come and go under load, by a seed: no wrong answer, no write twice, no harm to others."""

import asyncio
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
import msgspec
from conftest import KEY
from resilience import Limits, Standing, standing
from structlog.testing import capture_logs

from gateway.core.backoff import Doubling
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY

SEED = int(os.environ.get("CHAOS_SEED", "7"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))
ASKERS = 8
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "offline"},
    {"kind": "no-contact"},
    {"kind": "unreachable"},
    {"kind": "slow-query"},
    {"kind": "reset"},
    {"kind": "truncate"},
    {"kind": "hang"},
    {"kind": "delay", "delay": 0.3},
    {"kind": "too-large"},
    {"kind": "rate-limit", "per_second": 5, "key": "other-key"},
    {"kind": "answer", "status": 500, "body": {"statusCode": 500, "message": "Internal server error"}},
    {"kind": "answer", "status": 200, "body": {"errorCode": 1, "errorMessage": "SqlExecutionFailed"}},
    {"kind": "answer", "status": 502, "body": "<html>Bad gateway</html>"},
)


@dataclass
class Seen:
    """What the clients met."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def note(self, name: str, answer: httpx.Response, seconds: float) -> None:
        self.statuses[name, answer.status_code] += 1
        self.seconds[name].append(seconds)
        resource = answer.json()
        fails = resource["resourceType"] == "OperationOutcome"
        if fails != (answer.status_code >= 400):
            self.wrong.append(f"{answer.status_code} {resource['resourceType']}")
        if answer.status_code in {429, 503} and "retry-after" not in answer.headers:
            self.wrong.append("no Retry-After")


class Clinic:
    """Clients of one site: readers, searchers and writers in a row without pause."""

    def __init__(self, name: str, guid: str, key: str, gateway: Standing, seen: Seen) -> None:
        self.name = name
        self.base = gateway.base(guid)
        self.key = {**KEY, "Ocp-Apim-Subscription-Key": key}
        self.seen = seen

    async def ask(self, client: httpx.AsyncClient, random: Random, until: float) -> None:
        acts = (self._read, self._search, self._create)
        while monotonic() < until:
            act = random.choices(acts, (6, 3, 1))[0]
            await act(client, random)

    async def _sent(self, client: httpx.AsyncClient, method: str, path: str, **given: Any) -> httpx.Response:
        start = monotonic()
        answer = await client.request(method, f"{self.base}/{path}", headers=self.key, **given)
        self.seen.note(self.name, answer, monotonic() - start)
        return answer

    async def _read(self, client: httpx.AsyncClient, random: Random) -> None:
        wanted = str(random.randint(1, 5))
        answer = await self._sent(client, "GET", f"Patient/{wanted}")
        if answer.status_code == 200 and answer.json()["id"] != wanted:
            self.seen.wrong.append("another patient")

    async def _search(self, client: httpx.AsyncClient, random: Random) -> None:
        count = random.choice((2, 5, 50))
        answer = await self._sent(client, "GET", f"Observation?patient=1&_count={count}")
        bundle = answer.json()
        if answer.status_code == 200 and not 0 < len(bundle.get("entry", [])) <= count:
            self.seen.wrong.append(f"{len(bundle.get('entry', []))} entries")

    async def _create(self, client: httpx.AsyncClient, random: Random) -> None:
        mark = str(UUID(int=random.getrandbits(128)))
        self.seen.tried.append(mark)
        body = {"resourceType": "Patient", "name": [{"family": mark}], "gender": "other"}
        answer = await self._sent(client, "POST", "Patient", content=msgspec.json.encode(body))
        if answer.status_code == 201:
            self.seen.created.append(mark)


async def trouble(gateway: Standing, random: Random, until: float) -> None:
    """Other faults at two of three sites, several times a second."""
    while monotonic() < until:
        rules = [{**random.choice(FAULTS), "site": each} for each in (SYDNEY, PERTH) if random.random() < 0.7]
        await asyncio.to_thread(gateway.well)
        await asyncio.to_thread(gateway.emulator.control, "POST", "faults", rules)
        await asyncio.sleep(random.uniform(0.2, 0.8))
    await asyncio.to_thread(gateway.well)


async def chaos(gateway: Standing) -> Seen:
    seen, random, until = Seen(), Random(SEED), monotonic() + SECONDS
    clinics = [
        Clinic("well", BRISBANE, "demo-key", gateway, seen),
        Clinic("failing", SYDNEY, "other-key", gateway, seen),
        Clinic("failing too", PERTH, "other-key", gateway, seen),
    ]
    async with httpx.AsyncClient(
        timeout=30, trust_env=False, headers={"content-type": "application/fhir+json"}
    ) as client:
        await asyncio.gather(
            trouble(gateway, random, until),
            *(
                clinic.ask(client, Random(f"{SEED} {clinic.name} {number}"), until)
                for clinic in clinics
                for number in range(ASKERS)
            ),
        )
    return seen


def test_practices_come_and_go_and_nobody_gets_a_wrong_answer() -> None:
    settings = EmulatorSettings(patients=20, documents=5, keep_requests=200_000)
    limits = Limits(patience=1, longest=2, read=2, rest=Doubling(0.2, 1.5), retry=Doubling(0.05, 0.2), most=6)
    with capture_logs(), RunningEmulator(settings) as emulator, standing(emulator, limits) as gateway:
        seen = asyncio.run(chaos(gateway))
        sent = gateway.sent()
        posted = Counter(
            msgspec.json.decode(each["text"])["name"][0]["family"]
            for each in sent
            if each["method"] == "POST"
        )
        sums = asyncio.run(spent(gateway))
        _print(seen, sent, gateway.billed(), sums)
        assert seen.wrong == []
        assert {status for name, status in seen.statuses if name == "well"} <= {200, 201}
        assert ninth(seen.seconds["well"]) < 1.5
        assert set(seen.created) <= posted.keys() <= set(seen.tried)
        assert max(posted.values()) == 1
        for queries, retries in sums.values():
            assert retries <= max(5, queries * 0.05)
        assert gateway.billed() <= sum(queries for queries, _ in sums.values())
        assert {gateway.get(guid, "Patient/1").status_code for guid in (BRISBANE,)} == {200}


def ninth(seconds: list[float]) -> float:
    """What nine in ten were faster than."""
    return sorted(seconds)[len(seconds) * 9 // 10]


async def spent(gateway: Standing) -> dict[str, tuple[int, int]]:
    """Queries and retries of the last hour by site."""
    spending = gateway.chain.spending
    return {
        guid: (await spending.sum("queries", guid), await spending.sum("retries", guid))
        for guid in (BRISBANE, SYDNEY, PERTH)
    }


def _print(seen: Seen, sent: list[Any], billed: int, sums: dict[str, tuple[int, int]]) -> None:
    for (name, status), count in sorted(seen.statuses.items()):
        print(f"{name}: {status}: {count}")
    print(f"upstream exchanges {len(sent)}, billed {billed}, queries and retries {list(sums.values())}")
    print(f"nine in ten at the well site within {ninth(seen.seconds['well']):.2f} s")
    print(f"writes tried {len(seen.tried)}, confirmed {len(seen.created)}")
