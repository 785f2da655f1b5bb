"""Searches in several upstream queries: each match once and in order, on every model of the upstream.

The order is the emulator's own over all records; the set is that of `tests/dates/date_oracle.py`.
"""

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import pytest
from conftest import KEY, settings_for
from dates.date_oracle import Dice, SearchValue, r4_selects
from end_to_end.test_date_search import SITES, GatewayUnderTest, Model, element_values, stored_value
from structlog.testing import capture_logs
from support.date_facts import PROBED_SUPPORT

from gateway.app import create_app
from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import SYDNEY
from gateway.settings import SearchSupport

CASES = int(os.environ.get("SPLIT_CASES", "20"))
VERIFIED = PROBED_SUPPORT.model_copy(update={"period_semantics": "r4", "supports_sa_eb": True})
#: Variants of the upstream, and the settings that a probe of it finds.
MODELS: dict[str, tuple[Variants, SearchSupport]] = {
    "naive-sql": (Variants(date_model="naive-sql", comma="refuse", paging="page"), PROBED_SUPPORT),
    "reading-a": (Variants(date_model="r4-a", paging="offset"), VERIFIED),
    "reading-b": (Variants(date_model="r4-b", partial_dates="null"), PROBED_SUPPORT),
    "ignored": (Variants(drop_date_filters=True, self_shows_dropped=True), PROBED_SUPPORT),
    "ignored-shown": (Variants(date_model="r4-a", drop_date_filters=True), VERIFIED),
}
#: Resource type, date parameter, elements, whether they are points, and another key to sort by.
TARGETS = (
    ("Patient", "birthdate", ("birthDate",), False, "family"),
    ("Appointment", "date", ("start",), True, "status"),
    ("Encounter", "date", ("period",), False, "status"),
    ("Immunization", "date", ("occurrenceDateTime",), False, "status"),
    ("Observation", "date", ("effectiveDateTime", "effectivePeriod"), False, "status"),
    ("Appointment", "_lastUpdated", ("meta", "lastUpdated"), True, "date"),
)


@dataclass
class SplitGateway(GatewayUnderTest):
    """`is_honest`: the upstream does not show a date as used that it ignored, so no count is safe."""

    is_honest: bool = True
    orders: dict[str, list[str]] = field(default_factory=dict)

    async def order_of(self, url: str) -> list[str]:
        if url not in self.orders:
            _, self.orders[url] = await self.fetch_all_ids(url)
        return self.orders[url]


@asynccontextmanager
async def running_gateway(variants: Variants, support: SearchSupport) -> AsyncIterator[SplitGateway]:
    emulator = create_emulator(EmulatorSettings(patients=20, documents=3, variants=variants))
    app = create_app(settings_for("http://emulator", support), transport=httpx.ASGITransport(emulator))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY) as client:
        model = Model(variants, support)
        yield SplitGateway(client, emulator, model, is_honest=not variants.self_shows_dropped)


class Case:
    """A random search with several parts, and what R4 selects."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.kind, self.parameter, self.names, self.point, self.other_key = self.random.choice(TARGETS)
        self.dice = Dice(self.random)
        self.dice.zone = SITES[SYDNEY]
        key = self.random.choice((self.parameter, f"-{self.parameter}", self.other_key, ""))
        self.sort = f"&_sort={key}" if key else ""

    def repeats(self, rows: list[dict[str, Any]]) -> list[list[SearchValue]]:
        """A value with `ne`, or several days near stored values."""
        prefixes = self.random.choice((("ne",), ("eq",), ("le", "ge")))
        values = [self._value(rows, prefixes) for _ in range(1 if prefixes == ("ne",) else 3)]
        return [values]

    def _value(self, rows: list[dict[str, Any]], prefixes: tuple[str, ...]) -> SearchValue:
        stored = [
            stored_value(value, self.dice, point=self.point)
            for row in rows
            for value in element_values(row, self.names)
        ]
        end = next((end for end in self.random.choice(stored).utc if abs(end) < 10**12), 0)
        self.dice.instant = lambda: int(end // 1)  # type: ignore[method-assign]
        return self.dice.search_value(prefixes)

    def expected(self, rows: list[dict[str, Any]], repeats: list[list[SearchValue]]) -> set[str]:
        values = {
            row["id"]: [
                stored_value(value, self.dice, point=self.point) for value in element_values(row, self.names)
            ]
            for row in rows
        }
        return {id_ for id_, stored in values.items() if stored and r4_selects(repeats, stored)}


async def check_case(gateway: SplitGateway, seed: int) -> None:
    case = Case(seed)
    rows = await gateway.active_resources(SYDNEY, case.kind)
    repeats = case.repeats(rows)
    base = f"/integrator/sites/{SYDNEY}/fhir/R4/{case.kind}"
    text = ",".join(value.text.replace("+", "%2B") for value in repeats[0])
    search = f"{base}?{case.parameter}={text}{case.sort}"
    count = case.random.choice((7, 20, 1000))
    status, ids = await gateway.fetch_all_ids(f"{search}&_count={count}")
    if status == 400:
        gateway.counts["refused"] += 1
        return
    assert status == 200, search
    assert sorted(ids) == sorted(case.expected(rows, repeats)), search
    if case.sort:
        order = await gateway.order_of(f"{base}?{case.sort[1:]}&_count=1000")
        assert ids == [id_ for id_ in order if id_ in set(ids)], search
    if gateway.is_honest:
        await check_count(gateway, search, len(ids))
    gateway.counts["matched" if ids else "empty"] += 1


async def check_count(gateway: SplitGateway, search: str, number: int) -> None:
    counted = await gateway.client.get(f"{search}&_summary=count")
    assert counted.status_code in {200, 400}
    if counted.status_code == 200:
        assert (counted.json()["total"], counted.json().get("entry")) == (number, None), search
    gateway.counts["counted" if counted.status_code == 200 else "not counted"] += 1


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Iterator[str]:
    with capture_logs():
        yield request.param


@pytest.mark.anyio
@pytest.mark.timeout(900)
async def test_split_search_returns_each_match_once_in_order(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_gateway(*MODELS[model]) as gateway:
        for seed in range(CASES):
            await check_case(gateway, seed)
    with capsys.disabled():
        print(f"\n{model}: {CASES} split searches, {dict(gateway.counts)}")
    assert gateway.counts["matched"] > CASES / 3


SORTED = (
    ("Encounter", ("period",), "&_sort=-date&patient=Patient/{}"),
    ("Encounter", ("period",), "&_sort=date,status"),
    ("Immunization", ("occurrenceDateTime",), "&_sort=-date"),
    ("Immunization", ("occurrenceDateTime",), "&_sort=date"),
    ("Appointment", ("start",), "&_sort=status"),
    ("Appointment", ("start",), "&_sort=-_lastUpdated"),
    ("Observation", ("effectiveDateTime",), "&_sort=-date&status=final,amended"),
)


def days_in(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[str]:
    """Two days of the records, of which a third is earlier, and a third later."""
    days = sorted(
        day for row in rows for day in re.findall(r"\d{4}-\d\d-\d\d", str(element_values(row, names)))
    )
    return [days[len(days) // 3], days[2 * len(days) // 3]]


@pytest.mark.anyio
async def test_sorted_search_is_the_unsorted_one_in_order(model: str) -> None:
    async with running_gateway(*MODELS[model]) as gateway:
        for kind, names, criteria in SORTED:
            base = f"/integrator/sites/{SYDNEY}/fhir/R4/{kind}"
            rows = await gateway.active_resources(SYDNEY, kind)
            sort, _, others = criteria[1:].partition("&")
            order = await gateway.order_of(f"{base}?{sort}&_count=1000")
            patient = rows[0].get("subject", {}).get("reference", "").removeprefix("Patient/")
            values = [prefix + day for prefix in ("le", "ge", "ne") for day in days_in(rows, names)]
            for value in values:
                search = f"{base}?date={value}&{others.format(patient)}"
                status, ids = await gateway.fetch_all_ids(f"{search}&{sort}&_count=30")
                _, expected = await gateway.fetch_all_ids(f"{search}&_count=1000")
                gateway.counts[str(status)] += 1
                assert ids == [id_ for id_ in order if status == 200 and id_ in set(expected)], search
    assert gateway.counts["200"] > 30


@pytest.mark.anyio
async def test_more_days_than_queries_select_these_days_only(model: str) -> None:
    days, updates = ("2026-04-02", "2026-04-04", "2026-04-06"), ("2025-06", "2025-11", "2026-06")
    search = f"Appointment?date={','.join(days)}&_lastUpdated={','.join(updates)}&_count=20"
    async with running_gateway(*MODELS[model]) as gateway:
        rows = await gateway.active_resources(SYDNEY, "Appointment")
        status, ids = await gateway.fetch_all_ids(f"/integrator/sites/{SYDNEY}/fhir/R4/{search}")
    expected = [
        row["id"]
        for row in rows
        if row["start"][:10] in days and row["meta"]["lastUpdated"].startswith(updates)
    ]
    assert (status, sorted(ids), ids != []) == (200, sorted(expected), True)
