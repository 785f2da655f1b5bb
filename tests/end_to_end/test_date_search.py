"""Gateway over emulator against R4's own words: random searches, three models of the upstream, all pages.

The judge (`core/date_oracle.py`) knows nothing of the rewriter; it reads the emulator's unspoiled resources.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from conftest import KEY, settings_for
from dates.date_oracle import EPOCH, PREFIXES, Asked, Dice, Stored, answers, offset
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.settings import SearchSupport

CASES = int(os.environ.get("DATE_CASES", "1000"))
SITES = {BRISBANE: "Brisbane", SYDNEY: "Sydney", PERTH: "Perth"}
#: resource type, date parameter, how to reach its values, whether they are points of no width
TARGETS = (
    ("Patient", "birthdate", ("birthDate",), False),
    ("Appointment", "date", ("start",), True),
    ("Slot", "start", ("start",), True),
    ("Observation", "date", ("effectiveDateTime", "effectivePeriod"), False),
    ("Encounter", "date", ("period",), False),
    ("Condition", "onset-date", ("onsetDateTime", "onsetPeriod"), False),
    ("Immunization", "date", ("occurrenceDateTime",), False),
    ("DocumentReference", "date", ("date",), True),
    ("Patient", "_lastUpdated", ("meta", "lastUpdated"), True),
    ("Observation", "_lastUpdated", ("meta", "lastUpdated"), True),
)
MODELS = {
    "naive-sql": Variants(date_model="naive-sql", comma="refuse", period_model="start-only"),
    "reading-a": Variants(date_model="r4-a", paging="offset", period_model="r4"),
    "reading-b": Variants(date_model="r4-b", paging="page", period_model="overlap", repeats="and"),
}
#: What an operator who probed such an upstream has configured.
FACTS = {
    "naive-sql": SearchSupport(period_semantics="start-only"),
    "reading-a": SearchSupport(),
    "reading-b": SearchSupport(),
}
_VALUE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_PARTIAL = {4: "year", 7: "month", 10: "day"}


@dataclass
class Bench:
    """The gateway in front of an emulator of one model, in one process, and what its cases came to."""

    client: httpx.AsyncClient
    emulator: Any
    seen: Counter[str] = field(default_factory=Counter)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    async def truth(self, guid: str, kind: str) -> list[dict[str, Any]]:
        if (guid, kind) not in self.rows:
            transport = httpx.ASGITransport(self.emulator)
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
                found = (await client.get(f"/_emulator/truth/{guid}/{kind}")).json()
            self.rows[guid, kind] = [each["resource"] for each in found if each["active"]]
        return self.rows[guid, kind]

    async def walk(self, url: str) -> tuple[int, list[str]]:
        """The status of the first answer that is none, or 200, and the ids of all matches on all pages."""
        ids: list[str] = []
        while url:
            answer = await self.client.get(url)
            self.seen["exchanges"] += 1
            if answer.status_code != 200:
                return answer.status_code, []
            page = answer.json()
            ids += [
                each["resource"]["id"] for each in page.get("entry", []) if each["search"]["mode"] == "match"
            ]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        return 200, ids


def stored(value: Any, dice: Dice, *, point: bool) -> Stored:
    """A value as FHIR shows it, as ranges on both axes."""
    if isinstance(value, dict):
        return _period(value, dice)
    if len(value) in _PARTIAL:
        return dice._partial(_wall_noon(value) - offset(dice.zone, _wall_noon(value)), _PARTIAL[len(value)])
    start, unit = _instant(value)
    width = Fraction(0) if point else unit
    shift = offset(dice.zone, start)
    utc, wall = (start, start + width), (start + shift, start + shift + width)
    return Stored(value, wall, utc, wall)


def _period(value: dict[str, str], dice: Dice) -> Stored:
    ends = {name: stored(value[name], dice, point=False) for name in ("start", "end") if name in value}
    always = Fraction(10**13)

    def between(of: str) -> tuple[Fraction, Fraction]:
        first = getattr(ends["start"], of)[0] if "start" in ends else -always
        return first, getattr(ends["end"], of)[1] if "end" in ends else always

    return Stored(value, between("wall"), between("utc"), between("wall"))


def _instant(value: str) -> tuple[Fraction, Fraction]:
    found = _VALUE.fullmatch(value)
    assert found is not None, "the emulator shows a time that is no FHIR time"
    seconds = Fraction((datetime.fromisoformat(found[1]) - EPOCH) // timedelta(seconds=1))
    unit = Fraction(1, 10 ** len(found[2] or ""))
    sign, hours, minutes = (
        (found[3][0], int(found[3][1:3]), int(found[3][4:])) if found[3] != "Z" else ("+", 0, 0)
    )
    shift = (hours * 3600 + minutes * 60) * (-1 if sign == "-" else 1)
    return seconds + int(found[2] or 0) * unit - shift, unit


def _wall_noon(value: str) -> int:
    day = datetime.fromisoformat((value + "-01-01")[:10]) + timedelta(hours=12)
    return (day - EPOCH) // timedelta(seconds=1)


def elements(resource: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    if names[0] == "meta":
        return [resource["meta"]["lastUpdated"]]
    return [resource[name] for name in names if name in resource]


class Case:
    """One random search: what is asked for, and which of the emulator's resources R4 says it returns."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.guid = self.random.choice(list(SITES))
        self.kind, self.parameter, self.names, self.point = self.random.choice(TARGETS)
        self.dice = Dice(self.random)
        self.dice.zone = SITES[self.guid]

    def search(self, rows: list[dict[str, Any]]) -> list[list[Asked]]:
        """One or two repeats of one or two values, most of them near a stored value."""
        near = [
            stored(each, self.dice, point=self.point) for row in rows for each in elements(row, self.names)
        ]
        return [
            [self._asked(near) for _ in range(self.random.choice((1, 1, 1, 2)))]
            for _ in range(self.random.choice((1, 1, 2)))
        ]

    def _asked(self, near: list[Stored]) -> Asked:
        base = self.dice.instant
        if near and self.random.random() < 0.8:
            end = self.random.choice(self.random.choice(near).utc)
            shift = self.random.choice((0, 0, 0, 1, -1, 60, -3600, 3600))
            if abs(end) < 10**12:
                self.dice.instant = lambda: int(end // 1) + shift  # type: ignore[method-assign]
        asked = self.dice.asked(PREFIXES[:-1])
        self.dice.instant = base  # type: ignore[method-assign]
        return asked

    def url(self, asked: list[list[Asked]]) -> str:
        values = [f"{self.parameter}={quote(','.join(each.text for each in repeat))}" for repeat in asked]
        count = self.random.choice(("", "&_count=7", "&_count=50", "&_count=1000"))
        return f"/integrator/sites/{self.guid}/fhir/R4/{self.kind}?{'&'.join(values)}{count}"

    def expected(self, rows: list[dict[str, Any]], asked: list[list[Asked]]) -> list[str]:
        found = []
        for row in rows:
            values = [stored(each, self.dice, point=self.point) for each in elements(row, self.names)]
            if values and answers(asked, values):
                found.append(row["id"])
        return sorted(found)


async def check(bench: Bench, seed: int) -> None:
    case = Case(seed)
    rows = await bench.truth(case.guid, case.kind)
    asked = case.search(rows)
    url = case.url(asked)
    status, ids = await bench.walk(url)
    if status == 400:
        bench.seen["refused"] += 1
        return
    assert status == 200, (status, url)
    assert sorted(ids) == case.expected(rows, asked), (url, case.guid, case.kind)
    bench.seen["matched" if ids else "empty"] += 1


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Iterator[str]:
    with capture_logs():
        yield request.param


@pytest.mark.timeout(900)
def test_every_search_returns_exactly_what_r4_says(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = CASES // len(MODELS) + 1

    async def run() -> Bench:
        emulator = create_emulator(EmulatorSettings(patients=20, documents=3, variants=MODELS[model]))
        gateway = create_app(
            settings_for("http://emulator", FACTS[model]), transport=httpx.ASGITransport(emulator)
        )
        transport = httpx.ASGITransport(gateway)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY) as client:
            bench = Bench(client, emulator)
            for seed in range(count):
                await check(bench, seed)
        return bench

    bench = asyncio.run(run())
    with capsys.disabled():
        print(f"\n{model}: {count} searches through the gateway, {dict(bench.seen)}")
    assert bench.seen["refused"] < count / 5
    assert bench.seen["matched"] > count / 4
