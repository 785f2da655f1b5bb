"""Random date searches through gateway and emulator, compared with R4 on three models of the upstream.

The oracle (`tests/dates/date_oracle.py`) is independent of the planner and reads the emulator's resources.
"""

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
from dates.date_oracle import EPOCH, PREFIXES, Dice, SearchValue, StoredValue, offset, r4_selects
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.settings import SearchSupport

CASES = int(os.environ.get("DATE_CASES", "1000"))
SITES = {BRISBANE: "Brisbane", SYDNEY: "Sydney", PERTH: "Perth"}
#: Resource type, date parameter, path or names of its elements, whether the values have no width.
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
#: Settings for each model, as a probe of such an upstream finds them.
SUPPORT = {
    "naive-sql": SearchSupport(period_semantics="start-only"),
    "reading-a": SearchSupport(),
    "reading-b": SearchSupport(),
}
_VALUE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_PARTIAL = {4: "year", 7: "month", 10: "day"}


@dataclass
class GatewayUnderTest:
    """Gateway and emulator of one model in this process, and the number of results by kind."""

    client: httpx.AsyncClient
    emulator: Any
    counts: Counter[str] = field(default_factory=Counter)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    async def active_resources(self, guid: str, kind: str) -> list[dict[str, Any]]:
        if (guid, kind) not in self.rows:
            transport = httpx.ASGITransport(self.emulator)
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
                rows = (await client.get(f"/_emulator/truth/{guid}/{kind}")).json()
            self.rows[guid, kind] = [row["resource"] for row in rows if row["active"]]
        return self.rows[guid, kind]

    async def fetch_all_ids(self, url: str) -> tuple[int, list[str]]:
        """First status other than 200, if any, else 200, and the ids of the matches on all pages."""
        ids: list[str] = []
        while url:
            response = await self.client.get(url)
            self.counts["requests"] += 1
            if response.status_code != 200:
                return response.status_code, []
            page = response.json()
            ids += [
                entry["resource"]["id"]
                for entry in page.get("entry", [])
                if entry["search"]["mode"] == "match"
            ]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        return 200, ids


def stored_value(value: Any, dice: Dice, *, point: bool) -> StoredValue:
    """A FHIR value as ranges on both axes."""
    if isinstance(value, dict):
        return _period(value, dice)
    if len(value) in _PARTIAL:
        return dice._partial(_wall_noon(value) - offset(dice.zone, _wall_noon(value)), _PARTIAL[len(value)])
    start, unit = _instant(value)
    width = Fraction(0) if point else unit
    shift = offset(dice.zone, start)
    utc, wall = (start, start + width), (start + shift, start + shift + width)
    return StoredValue(value, wall, utc, wall)


def _period(value: dict[str, str], dice: Dice) -> StoredValue:
    ends = {name: stored_value(value[name], dice, point=False) for name in ("start", "end") if name in value}
    always = Fraction(10**13)

    def between(axis: str) -> tuple[Fraction, Fraction]:
        first = getattr(ends["start"], axis)[0] if "start" in ends else -always
        return first, getattr(ends["end"], axis)[1] if "end" in ends else always

    return StoredValue(value, between("wall"), between("utc"), between("wall"))


def _instant(value: str) -> tuple[Fraction, Fraction]:
    parts = _VALUE.fullmatch(value)
    assert parts is not None, "the emulator returned a time that is not a FHIR time"
    seconds = Fraction((datetime.fromisoformat(parts[1]) - EPOCH) // timedelta(seconds=1))
    unit = Fraction(1, 10 ** len(parts[2] or ""))
    sign, hours, minutes = (
        (parts[3][0], int(parts[3][1:3]), int(parts[3][4:])) if parts[3] != "Z" else ("+", 0, 0)
    )
    shift = (hours * 3600 + minutes * 60) * (-1 if sign == "-" else 1)
    return seconds + int(parts[2] or 0) * unit - shift, unit


def _wall_noon(value: str) -> int:
    day = datetime.fromisoformat((value + "-01-01")[:10]) + timedelta(hours=12)
    return (day - EPOCH) // timedelta(seconds=1)


def element_values(resource: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    if names[0] == "meta":
        return [resource["meta"]["lastUpdated"]]
    return [resource[name] for name in names if name in resource]


class Case:
    """A random search, and the resources of the emulator that match it under R4."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.guid = self.random.choice(list(SITES))
        self.kind, self.parameter, self.names, self.point = self.random.choice(TARGETS)
        self.dice = Dice(self.random)
        self.dice.zone = SITES[self.guid]

    def search(self, rows: list[dict[str, Any]]) -> list[list[SearchValue]]:
        """One or two parameters of one or two values, most of them near a stored value."""
        near = [
            stored_value(value, self.dice, point=self.point)
            for row in rows
            for value in element_values(row, self.names)
        ]
        return [
            [self._search_value(near) for _ in range(self.random.choice((1, 1, 1, 2)))]
            for _ in range(self.random.choice((1, 1, 2)))
        ]

    def _search_value(self, near: list[StoredValue]) -> SearchValue:
        base = self.dice.instant
        if near and self.random.random() < 0.8:
            end = self.random.choice(self.random.choice(near).utc)
            shift = self.random.choice((0, 0, 0, 1, -1, 60, -3600, 3600))
            if abs(end) < 10**12:
                self.dice.instant = lambda: int(end // 1) + shift  # type: ignore[method-assign]
        search_value = self.dice.search_value(PREFIXES[:-1])
        self.dice.instant = base  # type: ignore[method-assign]
        return search_value

    def url(self, search: list[list[SearchValue]]) -> str:
        values = [f"{self.parameter}={quote(','.join(value.text for value in repeat))}" for repeat in search]
        count = self.random.choice(("", "&_count=7", "&_count=50", "&_count=1000"))
        return f"/integrator/sites/{self.guid}/fhir/R4/{self.kind}?{'&'.join(values)}{count}"

    def expected(self, rows: list[dict[str, Any]], search: list[list[SearchValue]]) -> list[str]:
        ids = []
        for row in rows:
            values = [
                stored_value(value, self.dice, point=self.point) for value in element_values(row, self.names)
            ]
            if values and r4_selects(search, values):
                ids.append(row["id"])
        return sorted(ids)


async def check_search(gateway: GatewayUnderTest, seed: int) -> None:
    case = Case(seed)
    rows = await gateway.active_resources(case.guid, case.kind)
    search = case.search(rows)
    url = case.url(search)
    status, ids = await gateway.fetch_all_ids(url)
    if status == 400:
        gateway.counts["rejected"] += 1
        return
    assert status == 200, (status, url)
    assert sorted(ids) == case.expected(rows, search), (url, case.guid, case.kind)
    gateway.counts["matched" if ids else "empty"] += 1


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Iterator[str]:
    with capture_logs():
        yield request.param


@pytest.mark.anyio
@pytest.mark.timeout(900)
async def test_search_selects_what_r4_defines(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = CASES // len(MODELS) + 1
    emulator = create_emulator(EmulatorSettings(patients=20, documents=3, variants=MODELS[model]))
    settings = settings_for("http://emulator", SUPPORT[model])
    app = create_app(settings, transport=httpx.ASGITransport(emulator))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY) as client:
        gateway = GatewayUnderTest(client, emulator)
        for seed in range(count):
            await check_search(gateway, seed)
    with capsys.disabled():
        print(f"\n{model}: {count} searches through the gateway, {dict(gateway.counts)}")
    assert gateway.counts["rejected"] < count / 5
    assert gateway.counts["matched"] > count / 4
