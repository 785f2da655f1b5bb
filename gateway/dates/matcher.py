"""Whether a resource meets a date search: the range table of R4 search.html 3.1.1.4.5, reading A."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

from gateway.dates.registry import DateParameter
from gateway.dates.timezones import BEGIN, END, instants, offset_at, utc_low
from gateway.dates.value import DateValue, DateValueError, Time, parse_stored_date

Span = tuple[Time, Time]
"""A range `[ts, te)`; of width 0 for an instant."""

Piece = tuple[DateValue | None, DateValue | None]
"""The units at both ends of a stored range; `None` is open."""

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class DatePredicate:
    """The original condition: every repeat must be met by one of its values. `ap` is already widened."""

    parameter: DateParameter
    repeats: tuple[tuple[DateValue, ...], ...]


def matches(predicate: DatePredicate, resource: Mapping[str, Any], zone: tzinfo) -> bool:
    """Whether the decoded resource meets the predicate; a missing or unreadable element never does.

    `zone` is the site's: values without offset are its wall clock. Where a stored time without offset
    happened twice, either may match.
    """
    targets = [pieces for pieces in _targets(predicate.parameter, resource) if pieces]
    return all(
        any(_meets(value, target, zone) for value in repeat for target in targets)
        for repeat in predicate.repeats
    )


def shows(predicate: DatePredicate, resource: Mapping[str, Any]) -> bool:
    """Whether the decoded resource has a readable value where the predicate looks."""
    return any(_targets(predicate.parameter, resource))


def _contained(s: Time, e: Time, ts: Time, te: Time) -> bool:
    return s <= ts < e and te <= e


_TABLE: Final[dict[str, Callable[[Time, Time, Time, Time], bool]]] = {
    "eq": _contained,
    "ne": lambda s, e, ts, te: not _contained(s, e, ts, te),
    "gt": lambda _, e, ts, te: te > e or ts >= e,
    "lt": lambda s, _e, ts, _te: ts < s,
    "ge": lambda s, e, ts, te: te > e or ts >= s,
    "le": lambda s, e, ts, te: ts < s or _contained(s, e, ts, te),
    "sa": lambda _s, e, ts, _te: ts >= e,
    "eb": lambda s, _e, ts, te: te <= s and ts < s,
    "ap": lambda s, e, ts, te: ts < e and (te > s or ts >= s),
}
"""Search range `[s, e)`, stored range `[ts, te)`; the conditions on `ts` alone decide zero widths."""


def _meets(value: DateValue, pieces: tuple[Piece, ...], zone: tzinfo) -> bool:
    test = _TABLE[value.prefix]
    return any(test(value.start, value.end, ts, te) for ts, te in _spans(pieces, zone, zoned=value.zoned))


def _spans(pieces: tuple[Piece, ...], zone: tzinfo, *, zoned: bool) -> Iterator[Span]:
    """Every reading of the stored range on the axis of the search value."""
    if len(pieces) > 1:
        ranges = [span for piece in pieces for span in _readings(piece, zone, zoned=zoned)]
        return iter([(min(ts for ts, _ in ranges), max(te for _, te in ranges))])
    return _readings(pieces[0], zone, zoned=zoned)


def _readings(piece: Piece, zone: tzinfo, *, zoned: bool) -> Iterator[Span]:
    first, last = piece
    starts = _unit(first, zone, zoned=zoned) if first else ((BEGIN, BEGIN),)
    if first is last:
        return iter(starts)
    ends = _unit(last, zone, zoned=zoned) if last else ((END, END),)
    return ((ts, te) for ts, _ in starts for _, te in ends)


def _unit(unit: DateValue, zone: tzinfo, *, zoned: bool) -> tuple[Span, ...]:
    """One unit on the asked axis: a wall time that happened twice has two instants."""
    if unit.zoned == zoned:
        return ((unit.start, unit.end),)
    width = unit.end - unit.start
    if unit.zoned:
        wall = unit.start + offset_at(zone, unit.start)
        return ((wall, wall + width),)
    if width > _MINUTE:
        return ((utc_low(zone, unit.start), utc_low(zone, unit.end)),)
    passes = instants(zone, unit.start) or (utc_low(zone, unit.start),)
    return tuple((start, start + width) for start in passes)


def _targets(parameter: DateParameter, resource: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    """The stored ranges of every element the parameter reads."""
    for path in parameter.paths:
        for element in _elements(resource, path.steps):
            yield tuple(_READERS[path.type](element))


def _elements(node: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        for each in node:
            yield from _elements(each, steps)
    elif not steps:
        yield node
    elif isinstance(node, Mapping) and steps[0] in node:
        yield from _elements(node[steps[0]], steps[1:])


def _point(element: Any) -> Iterator[Piece]:
    unit = _stored(element)
    if unit:
        yield unit, unit


def _instant(element: Any) -> Iterator[Piece]:
    unit = _stored(element)
    if unit:
        point = DateValue("eq", unit.start, unit.start, unit.zoned)
        yield point, point


def _period(element: Any) -> Iterator[Piece]:
    ends = [element.get(end) for end in ("start", "end")] if isinstance(element, Mapping) else []
    units = [_stored(end) for end in ends]
    if any(units) and all(unit or end is None for unit, end in zip(units, ends, strict=True)):
        yield units[0], units[1]


def _timing(element: Any) -> Iterator[Piece]:
    for event in _elements(element, ("event",)):
        yield from _point(event)
    for bounds in _elements(element, ("repeat", "boundsPeriod")):
        yield from _period(bounds)


_READERS: Final[dict[str, Callable[[Any], Iterator[Piece]]]] = {
    "date": _point,
    "dateTime": _point,
    "instant": _instant,
    "Period": _period,
    "Timing": _timing,
}


def _stored(text: Any) -> DateValue | None:
    return _parsed(text) if isinstance(text, str) else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> DateValue | None:
    try:
        return parse_stored_date(text)
    except DateValueError:
        return None
