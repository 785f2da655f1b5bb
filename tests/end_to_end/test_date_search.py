"""Random date searches through gateway and emulator, compared with R4 on several models of the upstream.

The oracle (`tests/dates/date_oracle.py`) is independent of the planner and reads the emulator's resources. Of
sites that nobody has probed the gateway knows nothing: clock, labels and precision are right or wrong.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any, Literal
from urllib.parse import quote

import httpx
import pytest
from conftest import KEY, settings_for
from dates.date_oracle import EPOCH, PREFIXES, Dice, SearchValue, StoredValue, offset, r4_selects
from structlog.testing import capture_logs
from support.date_facts import PROBED_SUPPORT

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.data.records import Record
from gateway.emulator.settings import EmulatorSettings, LastUpdatedStyle, Variants
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.emulator.state import EmulatorState
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
    ("AllergyIntolerance", "date", ("recordedDate",), False),
    ("Condition", "recorded-date", ("recordedDate",), False),
    ("Patient", "_lastUpdated", ("meta", "lastUpdated"), True),
    ("Observation", "_lastUpdated", ("meta", "lastUpdated"), True),
)


@dataclass(frozen=True)
class Model:
    """An upstream, and what the gateway knows about it.

    `labels`: its label of every `meta.lastUpdated`. `has_days`: every second dateTime is stored as a day.
    """

    variants: Variants
    support: SearchSupport
    labels: LastUpdatedStyle | None = None
    has_days: bool = False


NAIVE = Variants(date_model="naive-sql", comma="refuse", period_model="r4")
UTC_COLUMNS: dict[str, Literal["site", "utc"]] = {f"{kind}.{code}": "utc" for kind, code, *_ in TARGETS}
del UTC_COLUMNS["Patient.birthdate"]
UNPROBED = SearchSupport()
MODELS = {
    "naive-sql": Model(
        Variants(date_model="naive-sql", comma="refuse", period_model="start-only"),
        PROBED_SUPPORT.model_copy(update={"period_semantics": "start-only"}),
    ),
    "reading-a": Model(Variants(date_model="r4-a", paging="offset", period_model="r4"), PROBED_SUPPORT),
    "reading-b": Model(
        Variants(date_model="r4-b", paging="page", period_model="overlap", repeats="and"), PROBED_SUPPORT
    ),
    "unprobed": Model(NAIVE, UNPROBED),
    "unprobed, UTC columns": Model(NAIVE.model_copy(update={"column_zones": UTC_COLUMNS}), UNPROBED),
    "unprobed, UTC columns, reading A": Model(
        Variants(date_model="r4-a", column_zones=UTC_COLUMNS), UNPROBED, has_days=True
    ),
    "unprobed, days": Model(NAIVE, UNPROBED, has_days=True),
    "UTC columns": Model(
        Variants(column_zones=UTC_COLUMNS), SearchSupport(column_time_zones={"*.*": "UTC"}), has_days=True
    ),
    "unprobed, UTC labelled local": Model(NAIVE, UNPROBED, "utc-labelled-local"),
    "unprobed, local labelled UTC": Model(NAIVE, UNPROBED, "local-labelled-utc"),
    "unprobed, fixed offset, UTC columns": Model(
        NAIVE.model_copy(update={"column_zones": UTC_COLUMNS}), UNPROBED, "fixed-standard-offset"
    ),
}
#: Parameter with days, its resource type, and the element.
DAY_ELEMENTS = (
    ("AllergyIntolerance", "recordedDate"),
    ("Condition", "recordedDate"),
    ("Observation", "effectiveDateTime"),
    ("Immunization", "occurrenceDateTime"),
)
_VALUE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_PARTIAL = {4: "year", 7: "month", 10: "day"}


@dataclass
class GatewayUnderTest:
    """Gateway and emulator of one model in this process, and the number of results by kind."""

    client: httpx.AsyncClient
    emulator: Any
    model: Model
    counts: Counter[str] = field(default_factory=Counter)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    async def active_resources(self, guid: str, kind: str) -> list[dict[str, Any]]:
        if (guid, kind) not in self.rows:
            shown = await self._shown_last_updated(guid, kind) if self.model.labels else {}
            transport = httpx.ASGITransport(self.emulator)
            async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
                rows = (await client.get(f"/_emulator/truth/{guid}/{kind}")).json()
            resources = [row["resource"] for row in rows if row["active"]]
            self.rows[guid, kind] = [
                {**resource, "meta": {"lastUpdated": shown[resource["id"]]}} if shown else resource
                for resource in resources
            ]
        return self.rows[guid, kind]

    async def _shown_last_updated(self, guid: str, kind: str) -> dict[str, str]:
        """`meta.lastUpdated` by id as clients see it, which wrong labels make wrong."""
        url, shown = f"/integrator/sites/{guid}/fhir/R4/{kind}?_count=200", {}
        while url:
            page = (await self.client.get(url)).json()
            matches = [entry["resource"] for entry in page.get("entry", [])]
            shown |= {match["id"]: match["meta"]["lastUpdated"] for match in matches}
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        return shown

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


def with_labels(variants: Variants, labels: LastUpdatedStyle | None) -> Variants:
    kinds = {kind for kind, *_ in TARGETS}
    return variants.model_copy(update={"last_updated": dict.fromkeys(kinds, labels)}) if labels else variants


def store_days(state: EmulatorState) -> None:
    """Store half of the times in these elements as days."""
    for practice in state.practices.values():
        for kind, element in DAY_ELEMENTS:
            for number, (identity, row) in enumerate(practice.tables[kind].items()):
                value = row.resource.get(element, "")
                if number % 2 and value:
                    resource = {**row.resource, element: value[:10]}
                    practice.tables[kind][identity] = Record(resource, row.active)


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Iterator[str]:
    with capture_logs():
        yield request.param


@pytest.mark.anyio
@pytest.mark.timeout(900)
async def test_search_selects_what_r4_defines(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = CASES // len(MODELS) + 1
    upstream = MODELS[model]
    emulator = create_emulator(
        EmulatorSettings(patients=20, documents=3, variants=with_labels(upstream.variants, upstream.labels))
    )
    if upstream.has_days:
        store_days(emulator.state.emulator)
    settings = settings_for("http://emulator", upstream.support)
    if upstream.support is UNPROBED:
        sites = {
            guid: site.model_copy(update={"last_updated_input": {}}) for guid, site in settings.sites.items()
        }
        settings = settings.model_copy(update={"sites": sites})
    app = create_app(settings, transport=httpx.ASGITransport(emulator))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY) as client:
        gateway = GatewayUnderTest(client, emulator, upstream)
        for seed in range(count):
            await check_search(gateway, seed)
    with capsys.disabled():
        print(f"\n{model}: {count} searches through the gateway, {dict(gateway.counts)}")
    assert gateway.counts["rejected"] < count / 5
    assert gateway.counts["matched"] > count / 4
