"""Patterns of requests that cost more than they need to: one function each, over the shape log.

Each prefers silence to wrong advice: its thresholds say how much must have been seen.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Final, NamedTuple, TypeVar

from gateway.advice.shape_log import ShapeRecord
from gateway.cache.lifetimes import lifetime_of_type
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS

Records = Sequence[ShapeRecord]
T = TypeVar("T")

#: Reads of one type within `_BURST_SECONDS`: a list with a read for each row.
_MIN_READS, _BURST_SECONDS = 10, 2.0
#: Searches that differ in dates only within `_LOOP_SECONDS`: one window after the other.
_MIN_WINDOWS, _LOOP_SECONDS = 4, 60.0
_WINDOW_TYPES: Final = frozenset({"Slot", "Schedule", "Appointment"})
#: Paid repetitions of one request: a timer, no person.
_MIN_POLLS = 20
#: Age in seconds that an app for display accepts (docs/apps.md), and the types for which it does.
_DISPLAY_SECONDS, _DISPLAY_TYPES = 30, frozenset({"Appointment", "AppointmentResponse", "Schedule"})
#: Purposes of apps that may read older data; empty: not configured. No other app is advised to.
_DISPLAY_PURPOSES: Final = frozenset({"", "interactive", "display"})
#: Pages of a walk with at most `_TINY_PAGE` entries that have a further page.
_MIN_TINY_PAGES, _TINY_PAGE, _USUAL_PAGE = 10, 2, 50
#: Pages of a walk that reads a whole list, and the seconds between two of them.
_MIN_WALK_PAGES, _MAX_PAGE_SECONDS = 5, 300.0
#: Criteria that a record of the list goes on to meet when it changes. One that no longer does (a stopped
#: medication in a list by `status`) would not be among the changes, so the client would keep it for ever.
_LASTING_CRITERIA: Final = frozenset({"patient"})
#: Paid requests of the same matches in different spellings, each within the lifetime of the one before.
_MIN_SPELLINGS = 5


class Finding(NamedTuple):
    """One pattern of one app, caller and site.

    So many `requests` were seen, of which `paid` caused a query; `saved` and `saved_octets` would not have.
    """

    id: str
    record: ShapeRecord
    requests: int
    paid: int
    saved: int
    saved_octets: int
    instead: str


def reads_one_by_one(records: Records) -> Iterator[Finding]:
    """Yield lists whose rows are read one by one (N+1 queries)."""
    reads = (record for record in records if not record.is_search)
    for group in _groups(reads, lambda record: (*record.sender, record.type)):
        bursts = [burst for burst in _bursts(group, _BURST_SECONDS) if _distinct(burst) >= _MIN_READS]
        paid = [record for burst in bursts for record in burst if record.is_paid]
        if len(paid) >= _MIN_READS:
            count, type_ = sum(map(len, bursts)), group[0].type
            yield _make_finding(
                "reads-one-by-one", count, paid, len(paid) - len(bursts), 0, f"GET {type_}?_id=a,b,c"
            )


def loops_over_windows(records: Records) -> Iterator[Finding]:
    """Yield searches that ask for one window of time after the other."""
    searches = (
        record for record in _first_pages(records) if record.type in _WINDOW_TYPES and "(" in record.shape
    )
    for group in _groups(searches, lambda record: (*record.sender, record.shape, record.frame)):
        loops = [loop for loop in _bursts(group, _LOOP_SECONDS) if _distinct(loop) >= _MIN_WINDOWS]
        paid = [record for loop in loops for record in loop if record.is_paid]
        if len(paid) >= _MIN_WINDOWS:
            saved = len(paid) - len(loops)
            instead = f"one {group[0].shape} with a longer window"
            yield _make_finding("loops-over-windows", sum(map(len, loops)), paid, saved, 0, instead)


def polls_too_often(records: Records) -> Iterator[Finding]:
    """Yield screens that ask for the same list more often than their readers can see."""
    searches = (record for record in _first_pages(records) if _may_be_read_less_often(record))
    for group in _groups(searches, lambda record: (*record.sender, record.same)):
        paid = [record for record in group if record.is_paid]
        if len(paid) < _MIN_POLLS or _median_interval(group) >= _DISPLAY_SECONDS:
            continue
        saved = len(paid) - ceil((paid[-1].at - paid[0].at) / _DISPLAY_SECONDS) - 1
        if saved >= len(paid) / 4:
            gains = paid[0].display_age >= _DISPLAY_SECONDS and paid[0].purpose != "display"
            app = ', or purpose = "display" for the app' if gains else ""
            instead = f"{group[0].shape} every {_DISPLAY_SECONDS} s{app}"
            yield _make_finding(
                "polls-too-often", len(group), paid, saved, _mean_octets(paid) * saved, instead
            )


def _may_be_read_less_often(record: ShapeRecord) -> bool:
    """Whether a search may be that of a screen that shows and books nothing.

    One that follows the app's own changes is no poll: they end stored responses whatever their age.
    """
    is_screen = record.purpose in _DISPLAY_PURPOSES and not record.follows_writes
    return record.type in _DISPLAY_TYPES and is_screen and not record.demands_fresh


def walks_in_tiny_pages(records: Records) -> Iterator[Finding]:
    """Yield lists that are read from page to page of one or two entries."""
    for group in _groups((r for r in records if r.is_search), lambda record: (*record.sender, record.type)):
        walks = [walk for walk in _walks(group) if len(_tiny_pages(walk)) >= _MIN_TINY_PAGES]
        for same in _groups(walks, lambda walk: walk[0].shape):
            tiny = list(map(_tiny_pages, same))
            paid = [record for pages in tiny for record in pages]
            saved = sum(len(pages) - ceil(sum(r.entries for r in pages) / _USUAL_PAGE) for pages in tiny)
            instead = _with_part(same[0][0].shape, f"_count={_USUAL_PAGE}")
            yield _make_finding("walks-in-tiny-pages", len(paid), paid, saved, 0, instead)


def _tiny_pages(walk: Records) -> Records:
    """Return the paid pages of a walk from its first page on, if all have one or two entries."""
    paid = [record for record in walk if record.is_paid and record.has_next]
    is_tiny = all(1 <= record.entries <= _TINY_PAGE for record in paid)
    return paid if is_tiny and walk and not walk[0].is_page else ()


def repeats_whole_lists(records: Records) -> Iterator[Finding]:
    """Yield lists that are read to the end again and again, though `_lastUpdated` would give the changes."""
    for group in _groups((r for r in records if r.is_search), lambda record: (*record.sender, record.type)):
        walks = [walk for walk in _walks(group) if sum(r.is_paid for r in walk) >= _MIN_WALK_PAGES]
        for repeated in _groups_of_walks(walks):
            paid = [record for walk in repeated for record in walk if record.is_paid]
            again = [record for walk in repeated[1:] for record in walk[1:] if record.is_paid]
            saved, octets = len(again), sum(record.octets for record in again)
            instead = _with_part(repeated[0][0].shape, "_lastUpdated=ge…")
            yield _make_finding("repeats-whole-lists", len(paid), paid, saved, octets, instead)


def spells_differently(records: Records) -> Iterator[Finding]:
    """Yield equal searches that do not share a response, because they are spelt differently."""
    paid_searches = (r for r in _first_pages(records) if r.is_paid and not r.demands_fresh)
    for group in _groups(
        paid_searches, lambda record: (record.caller, record.site, record.type, record.same)
    ):
        lifetime = lifetime_of_type(group[0].type).balanced
        again = [b for a, b in pairwise(group) if a.spelt != b.spelt and b.at - a.at < lifetime]
        if len(again) >= _MIN_SPELLINGS:
            octets = sum(record.octets for record in again)
            instead = "one spelling: the same _count, Prefer and Accept-Language in all apps"
            yield _make_finding("spells-differently", len(group), group, len(again), octets, instead)


Pattern = Callable[[Records], Iterator[Finding]]
PATTERNS: tuple[Pattern, ...] = (
    reads_one_by_one,
    loops_over_windows,
    polls_too_often,
    walks_in_tiny_pages,
    repeats_whole_lists,
    spells_differently,
)


def _make_finding(id_: str, count: int, paid: Records, saved: int, octets: int, instead: str) -> Finding:
    return Finding(id_, paid[0], count, len(paid), saved, octets, instead)


def _first_pages(records: Iterable[ShapeRecord]) -> Iterator[ShapeRecord]:
    return (record for record in records if record.is_search and not record.is_page)


def _groups(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def _bursts(records: Records, seconds: float) -> Iterator[Records]:
    """Yield the records in order, in groups each of which lasts at most some seconds."""
    start = 0
    for number, record in enumerate(records):
        if record.at - records[start].at > seconds:
            yield records[start:number]
            start = number
    yield records[start:]


def _distinct(records: Records) -> int:
    return len({record.same for record in records})


def _walks(records: Records) -> Iterator[Records]:
    """Yield a first page with the pages that follow it, unless they may be those of an earlier one.

    A page link does not say of which search it is.
    """
    walk: list[ShapeRecord] = []
    earlier: Records = ()
    for record in records:
        is_next = record.is_page and bool(walk) and record.at - walk[-1].at <= _MAX_PAGE_SECONDS
        if not is_next:
            if not _may_mix(earlier, walk):
                yield walk
            earlier, walk = walk or earlier, []
        walk.append(record)
    if not _may_mix(earlier, walk):
        yield walk


def _may_mix(earlier: Records, walk: Records) -> bool:
    """Whether the pages of a walk may belong to another search, which began earlier and may go on."""
    if not earlier or not walk or earlier[0].same == walk[0].same:
        return False
    may_go_on = earlier[-1].has_next or not earlier[-1].is_paid
    return may_go_on and walk[0].at - earlier[-1].at <= _MAX_PAGE_SECONDS


def _groups_of_walks(walks: Iterable[Records]) -> Iterator[list[Records]]:
    """Yield the walks of one search, if there are several and it could ask for changes only."""
    whole = (walk for walk in walks if not walk[0].is_page and _criteria(walk[0]) <= _LASTING_CRITERIA)
    return (group for group in _groups(whole, lambda walk: walk[0].same) if len(group) > 1)


def _criteria(record: ShapeRecord) -> frozenset[str]:
    """Return the names of a search's criteria."""
    parts = record.shape.partition("?")[2].split("&")
    names = {re.split(r"[=(]", part, maxsplit=1)[0] for part in parts if part}
    return frozenset(names - RESULT_ONLY_PARAMETERS)


def _with_part(shape: str, part: str) -> str:
    """Return a shape with one part in place of those of the same name; all criteria stay."""
    path, _, query = shape.partition("?")
    name = part.partition("=")[0]
    others = [each for each in query.split("&") if each and each.partition("=")[0] != name]
    return f"{path}?{'&'.join(sorted([*others, part]))}"


def _median_interval(records: Records) -> float:
    return median(b.at - a.at for a, b in pairwise(records))


def _mean_octets(records: Records) -> int:
    return sum(record.octets for record in records) // len(records)
