"""Matcher of resources against date conditions at a server whose time zone is unknown.

R4 compares a value without offset in the server's zone (search.html 3.1.1.4.5). A resource may meet the
conditions if it meets them in some zone from -12:00 to +14:00: no true match is lost, others may stay.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.dates.matcher import COMPARISONS, DatePredicate, StoredRange, stored_ranges
from gateway.dates.timezones import BEGIN, END
from gateway.dates.value import DateValue, Time

#: Offsets of the zones on Earth, in seconds east of UTC.
_LEAST_OFFSET, _LARGEST_OFFSET = -12 * 3600, 14 * 3600
#: Seconds by which a zone's offset may differ between both ends of a range: the clocks are changed.
_CLOCK_CHANGE: Final = 2 * 3600
#: Prefixes that a later stored range meets, too, if an earlier one does.
_MET_LATER: Final = frozenset({"gt", "ge", "sa"})


class _Span(NamedTuple):
    """Least and largest begin and end of a stored range on the axis of a search value."""

    least_start: Time
    start: Time
    least_end: Time
    end: Time

    @property
    def width(self) -> Time:
        """Least width that one zone may give the range."""
        moves_alone = (self.start == self.least_start) != (self.end == self.least_end)
        return self.least_end - (self.start if moves_alone else self.least_start)


def may_meet_predicate(predicate: DatePredicate, resource: Mapping[str, Any]) -> bool:
    """Whether the decoded resource meets the predicate in some zone; exact if all or none has an offset."""
    targets = [ranges for ranges in stored_ranges(predicate.parameter, resource) if ranges]
    return all(
        any(_may_meet_value(value, target) for value in repeat for target in targets)
        for repeat in predicate.repeats
    )


def _may_meet_value(value: DateValue, ranges: tuple[StoredRange, ...]) -> bool:
    span = _joined_span([_span(stored, on_utc_axis=value.on_utc_axis) for stored in ranges])
    if value.prefix in {"eq", "ne"}:
        return _may_be_contained(value, span) if value.prefix == "eq" else not _is_contained(value, span)
    ends = (span.start, span.end) if value.prefix in _MET_LATER else (span.least_start, span.least_end)
    return COMPARISONS[value.prefix](value.start, value.end, *ends)


def _may_be_contained(value: DateValue, span: _Span) -> bool:
    """Whether the range is within that of the value in some zone."""
    begins = span.start >= value.start and (span.least_start < value.end or span.least_start <= value.start)
    slack = _CLOCK_CHANGE if span.start != span.least_start and span.width else 0
    return begins and span.least_end <= value.end and span.width <= value.end - value.start + slack


def _is_contained(value: DateValue, span: _Span) -> bool:
    """Whether the range is within that of the value in every zone."""
    is_contained = COMPARISONS["eq"]
    return is_contained(value.start, value.end, span.least_start, span.end) and is_contained(
        value.start, value.end, span.start, span.end
    )


def _span(stored: StoredRange, *, on_utc_axis: bool) -> _Span:
    first, last = stored
    starts = _possible(first, first.start, on_utc_axis=on_utc_axis) if first else (BEGIN, BEGIN)
    ends = _possible(last, last.end, on_utc_axis=on_utc_axis) if last else (END, END)
    return _Span(*starts, *ends)


def _possible(unit: DateValue, time: Time, *, on_utc_axis: bool) -> tuple[Time, Time]:
    """Least and largest time on an axis."""
    if unit.on_utc_axis == on_utc_axis:
        return time, time
    if unit.on_utc_axis:
        return time + _LEAST_OFFSET, time + _LARGEST_OFFSET
    return time - _LARGEST_OFFSET, time - _LEAST_OFFSET


def _joined_span(spans: list[_Span]) -> _Span:
    """Span from the first begin to the last end."""
    return _Span(
        min(span.least_start for span in spans),
        min(span.start for span in spans),
        max(span.least_end for span in spans),
        max(span.end for span in spans),
    )
