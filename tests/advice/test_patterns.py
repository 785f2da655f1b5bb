"""Patterns: what is advised, and what is just below each threshold."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from gateway.advice import patterns
from gateway.advice.patterns import Finding
from gateway.advice.shape_log import ShapeRecord


def record(at: float, **fields: Any) -> ShapeRecord:
    defaults = {
        "app": "board",
        "caller": "c0ffee00",
        "site": "guid",
        "type": "Patient",
        "shape": "GET Patient/{id}",
        "is_search": False,
        "octets": 1_000,
    }
    return ShapeRecord(at, **{**defaults, **fields})


def reads(count: int, step: float = 0.1, **fields: Any) -> list[ShapeRecord]:
    return [record(number * step, same=b"%d" % number, **fields) for number in range(count)]


def windows(count: int, step: float = 5, **fields: Any) -> list[ShapeRecord]:
    slot = {"type": "Slot", "shape": "GET Slot?start(ge,lt)", "is_search": True, "frame": b"f"}
    return [record(n * step, same=b"%d" % n, **{**slot, **fields}) for n in range(count)]


def polls(count: int, step: float = 8, **fields: Any) -> list[ShapeRecord]:
    poll = {"type": "Appointment", "shape": "GET Appointment?date(ge,lt)", "is_search": True, "same": b"p"}
    poll |= {"display_age": 30.0}
    return [record(number * step, **{**poll, **fields}) for number in range(count)]


def pages(count: int, step: float = 1, start: float = 0, **fields: Any) -> list[ShapeRecord]:
    page = {"is_search": True, "entries": 1, "has_next": True, "shape": "GET Patient?_count=1", **fields}
    first = record(start, **{"same": b"walk", **page})
    rest = {**page, "is_page": True, "shape": "GET Patient (next page)"}
    return [first, *(record(start + number * step, **rest) for number in range(1, count))]


def spellings(count: int, step: float = 10, **fields: Any) -> list[ShapeRecord]:
    search = {"is_search": True, "shape": "GET Patient?name", "same": b"s"}
    return [record(n * step, spelt=b"%d" % (n % 2), **{**search, **fields}) for n in range(count)]


POSITIVE: dict[str, tuple[Callable[..., Iterable[Finding]], list[ShapeRecord], int]] = {
    "reads": (patterns.reads_one_by_one, reads(12), 11),
    "windows": (patterns.loops_over_windows, windows(6), 5),
    "polls": (patterns.polls_too_often, polls(100), 100 - 27 - 1),
    "tiny pages": (patterns.walks_in_tiny_pages, pages(20), 19),
    "whole lists": (patterns.repeats_whole_lists, [*pages(6), *pages(6, start=100)], 5),
    "spellings": (patterns.spells_differently, spellings(8), 7),
}
NEAR_MISSES: dict[str, tuple[Callable[..., Iterable[Finding]], list[ShapeRecord]]] = {
    "nine reads": (patterns.reads_one_by_one, reads(9)),
    "slow reads": (patterns.reads_one_by_one, reads(12, step=1)),
    "reads that were stored": (patterns.reads_one_by_one, reads(12, is_paid=False)),
    "one patient read often": (patterns.reads_one_by_one, [each._replace(same=b"1") for each in reads(12)]),
    "reads of two apps": (
        patterns.reads_one_by_one,
        [each._replace(app=str(number % 2)) for number, each in enumerate(reads(18))],
    ),
    "three windows": (patterns.loops_over_windows, windows(3)),
    "windows of an hour": (patterns.loops_over_windows, windows(6, step=30)),
    "windows without dates": (patterns.loops_over_windows, windows(6, shape="GET Slot?status")),
    "results by date": (patterns.loops_over_windows, windows(6, type="Observation")),
    "windows of other schedules": (
        patterns.loops_over_windows,
        [each._replace(frame=each.same) for each in windows(6)],
    ),
    "19 polls": (patterns.polls_too_often, polls(19)),
    "slow polls": (patterns.polls_too_often, polls(100, step=30)),
    "polls of patients": (patterns.polls_too_often, polls(100, type="Patient")),
    "polls of a booking app": (patterns.polls_too_often, polls(100, purpose="booking")),
    "polls of a clinical app": (patterns.polls_too_often, polls(100, purpose="clinical")),
    "polls of a job": (patterns.polls_too_often, polls(100, purpose="sync")),
    "polls for fresh data": (patterns.polls_too_often, polls(100, demands_fresh=True)),
    "refreshes after own changes": (patterns.polls_too_often, polls(100, follows_writes=True)),
    "polls that were stored": (patterns.polls_too_often, polls(100, is_paid=False)),
    "nine tiny pages": (patterns.walks_in_tiny_pages, pages(9)),
    "usual pages": (patterns.walks_in_tiny_pages, pages(20, entries=50)),
    "latest records of many patients": (
        patterns.walks_in_tiny_pages,
        [each._replace(is_page=False) for each in pages(39, shape="GET Observation?_count=1&_sort&patient")],
    ),
    "pages without their first": (patterns.walks_in_tiny_pages, pages(20)[1:]),
    "larger pages in the walk": (patterns.walks_in_tiny_pages, [*pages(12), *pages(5, entries=9)[1:]]),
    "searches with one match": (patterns.walks_in_tiny_pages, pages(20, has_next=False)),
    "pages behind another search": (
        patterns.walks_in_tiny_pages,
        [pages(1, same=b"long")[0], *pages(20, start=1, shape="GET Patient?_count=50&name")],
    ),
    "pages behind a stored page": (
        patterns.walks_in_tiny_pages,
        [pages(1, same=b"long", is_paid=False)[0], *pages(20, start=1)],
    ),
    "lists that a change leaves": (
        patterns.repeats_whole_lists,
        [*pages(6, shape="GET Patient?status"), *pages(6, start=100, shape="GET Patient?status")],
    ),
    "one whole list": (patterns.repeats_whole_lists, pages(6)),
    "short lists": (patterns.repeats_whole_lists, [*pages(4), *pages(4, start=100)]),
    "lists of changes": (
        patterns.repeats_whole_lists,
        [
            *pages(6, shape="GET Patient?_lastUpdated(ge)"),
            *pages(6, start=100, shape="GET Patient?_lastUpdated(ge)"),
        ],
    ),
    "four spellings": (patterns.spells_differently, spellings(5)),
    "spellings for fresh data": (patterns.spells_differently, spellings(8, demands_fresh=True)),
    "one spelling": (patterns.spells_differently, [each._replace(spelt=b"") for each in spellings(20)]),
    "spellings far apart": (patterns.spells_differently, spellings(8, step=60)),
}


@pytest.mark.parametrize("name", POSITIVE)
def test_pattern_is_found_with_its_saving(name: str) -> None:
    pattern, records, saved = POSITIVE[name]
    (finding,) = pattern(records)
    assert finding.saved == saved
    assert finding.paid <= finding.requests
    assert finding.instead


def test_screen_for_display_is_advised_a_longer_interval_only() -> None:
    (finding,) = patterns.polls_too_often(polls(100, purpose="display"))
    assert finding.instead == "GET Appointment?date(ge,lt) every 30 s"
    (finding,) = patterns.polls_too_often(polls(100, display_age=5.0))
    assert finding.instead == "GET Appointment?date(ge,lt) every 30 s"
    (finding,) = patterns.polls_too_often(polls(100, purpose="interactive"))
    assert finding.instead.endswith('every 30 s, or purpose = "display" for the app')


def test_walk_behind_a_finished_one_is_found() -> None:
    finished = [*pages(3, same=b"other")[:2], pages(3, has_next=False)[2]]
    (finding,) = patterns.walks_in_tiny_pages([*finished, *pages(20, start=10)])
    assert finding.paid == 20


def test_cheaper_call_keeps_all_criteria() -> None:
    walk = pages(12, shape="GET Patient?_count=1&_sort&patient")
    (finding,) = patterns.walks_in_tiny_pages(walk)
    assert finding.instead == "GET Patient?_count=50&_sort&patient"
    again = [record._replace(at=record.at + 100) for record in walk]
    (finding,) = patterns.repeats_whole_lists([*walk, *again])
    assert finding.instead == "GET Patient?_count=1&_lastUpdated=ge…&_sort&patient"


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_miss_is_no_finding(name: str) -> None:
    pattern, records = NEAR_MISSES[name]
    assert list(pattern(records)) == []


def test_each_positive_trace_is_found_by_its_own_pattern_only() -> None:
    for _, records, _ in POSITIVE.values():
        ids = [finding.id for pattern in patterns.PATTERNS for finding in pattern(records)]
        assert len(set(ids) - {"walks-in-tiny-pages"}) <= 1, ids
