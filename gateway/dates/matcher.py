"""Matcher of resources against date conditions: R4 search.html 3.1.1.4.5, reading A.

`ge` and `le` include values that share only the first or last unit with the search (docs/date-search.md).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.dates.registry import DateParameter
from gateway.dates.timezones import BEGIN, END, instants_at, offset_at, utc_low
from gateway.dates.value import DateValue, DateValueError, Time, parse_stored_date

#: Range `[ts, te)`; its width is 0 for an instant or a fraction of a second.
Span = tuple[Time, Time]

#: Units at both ends of a stored range; `None` is an open end.
StoredRange = tuple[DateValue | None, DateValue | None]

_MINUTE_SECONDS: Final = 60


class DatePredicate(msgspec.Struct, frozen=True):
    """The client's condition: a match meets at least one value of every repeat. `ap` is already widened."""

    parameter: DateParameter
    repeats: tuple[tuple[DateValue, ...], ...]


def meets_predicate(predicate: DatePredicate, resource: Mapping[str, Any], zone: tzinfo) -> bool:
    """Whether the decoded resource meets the predicate; a missing or unreadable element never does.

    `zone` is the site's zone: values without offset are its wall clock. If that clock showed a stored time
    twice, either instant may match.
    """
    targets = [ranges for ranges in stored_ranges(predicate.parameter, resource) if ranges]
    return all(
        any(_meets_value(value, target, zone) for value in repeat for target in targets)
        for repeat in predicate.repeats
    )


def has_readable_value(predicate: DatePredicate, resource: Mapping[str, Any]) -> bool:
    """Whether the decoded resource has a readable value for the parameter of the predicate."""
    return any(stored_ranges(predicate.parameter, resource))


def _is_contained(s: Time, e: Time, ts: Time, te: Time) -> bool:
    return s <= ts and te <= e and (ts < e or ts == s)


def _reaches_past(s: Time, _e: Time, ts: Time, te: Time) -> bool:
    return te > s or ts >= s


def _begins_before_end(s: Time, e: Time, ts: Time, _te: Time) -> bool:
    return ts < e or ts <= s


#: Prefix -> test of search range `[s, e)` and stored range `[ts, te)`; points have equal ends.
COMPARISONS: Final[dict[str, Callable[[Time, Time, Time, Time], bool]]] = {
    "eq": _is_contained,
    "ne": lambda s, e, ts, te: not _is_contained(s, e, ts, te),
    "gt": lambda s, e, ts, te: te > e or ts >= e > s,
    "lt": lambda s, _e, ts, _te: ts < s,
    "ge": _reaches_past,
    "le": _begins_before_end,
    "sa": lambda s, e, ts, _te: ts > s and ts >= e,
    "eb": lambda s, _e, ts, te: te <= s and ts < s,
    "ap": lambda s, e, ts, te: _reaches_past(s, e, ts, te) and _begins_before_end(s, e, ts, te),
}


def _meets_value(value: DateValue, ranges: tuple[StoredRange, ...], zone: tzinfo) -> bool:
    test = COMPARISONS[value.prefix]
    return any(
        test(value.start, value.end, ts, te)
        for ts, te in _stored_spans(ranges, zone, on_utc_axis=value.on_utc_axis)
    )


def _stored_spans(ranges: tuple[StoredRange, ...], zone: tzinfo, *, on_utc_axis: bool) -> Iterator[Span]:
    """Possible stored ranges on the axis of the search value."""
    if len(ranges) > 1:
        spans = [span for stored in ranges for span in _range_spans(stored, zone, on_utc_axis=on_utc_axis)]
        return iter([(min(ts for ts, _ in spans), max(te for _, te in spans))])
    return _range_spans(ranges[0], zone, on_utc_axis=on_utc_axis)


def _range_spans(stored_range: StoredRange, zone: tzinfo, *, on_utc_axis: bool) -> Iterator[Span]:
    first, last = stored_range
    starts = _unit_spans(first, zone, on_utc_axis=on_utc_axis) if first else ((BEGIN, BEGIN),)
    if first is last:
        return iter(starts)
    ends = _unit_spans(last, zone, on_utc_axis=on_utc_axis) if last else ((END, END),)
    return ((ts, te) for ts, _ in starts for _, te in ends)


def _unit_spans(unit: DateValue, zone: tzinfo, *, on_utc_axis: bool) -> tuple[Span, ...]:
    """Spans of a unit on an axis: two if the wall clock showed the time twice."""
    if unit.on_utc_axis == on_utc_axis:
        return ((unit.start, unit.end),)
    width = unit.end - unit.start
    if unit.on_utc_axis:
        wall = unit.start + offset_at(zone, unit.start)
        return ((wall, wall + width),)
    if width > _MINUTE_SECONDS:
        return ((utc_low(zone, unit.start), utc_low(zone, unit.end)),)
    instants = instants_at(zone, unit.start) or (utc_low(zone, unit.start),)
    return tuple((start, start + width) for start in instants)


def stored_ranges(parameter: DateParameter, resource: Mapping[str, Any]) -> Iterator[tuple[StoredRange, ...]]:
    """Yield the stored ranges of each element that the parameter reads."""
    for path in parameter.paths:
        for element in elements_at(resource, path.steps):
            yield tuple(_READERS[path.type](element))


def elements_at(node: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values below a decoded element; those of each item of a list."""
    if isinstance(node, list):
        for item in node:
            yield from elements_at(item, steps)
    elif not steps:
        yield node
    elif isinstance(node, Mapping) and steps[0] in node:
        yield from elements_at(node[steps[0]], steps[1:])


def _read_point(element: Any) -> Iterator[StoredRange]:
    unit = _read_date(element)
    if unit:
        yield unit, unit


def _read_instant(element: Any) -> Iterator[StoredRange]:
    unit = _read_date(element)
    if unit:
        point = DateValue("eq", unit.start, unit.start, unit.on_utc_axis)
        yield point, point


def _read_period(element: Any) -> Iterator[StoredRange]:
    ends = [element.get(end) for end in ("start", "end")] if isinstance(element, Mapping) else []
    units = [_read_date(end) for end in ends]
    if any(units) and all(unit or end is None for unit, end in zip(units, ends, strict=True)):
        yield units[0], units[1]


def _read_timing(element: Any) -> Iterator[StoredRange]:
    for event in elements_at(element, ("event",)):
        yield from _read_point(event)
    for bounds in elements_at(element, ("repeat", "boundsPeriod")):
        yield from _read_period(bounds)


_READERS: Final[dict[str, Callable[[Any], Iterator[StoredRange]]]] = {
    "date": _read_point,
    "dateTime": _read_point,
    "instant": _read_instant,
    "Period": _read_period,
    "Timing": _read_timing,
}


def _read_date(text: Any) -> DateValue | None:
    if not isinstance(text, str):
        return None
    # The cache keeps its texts: it is for those of a usual length.
    return _parse_or_none(text) if len(text) <= _MAX_CACHED_LENGTH else _parse_or_none.__wrapped__(text)


#: Characters of an instant with nanoseconds and an offset.
_MAX_CACHED_LENGTH = 35


@lru_cache(maxsize=4096)
def _parse_or_none(text: str) -> DateValue | None:
    try:
        return parse_stored_date(text)
    except DateValueError:
        return None
