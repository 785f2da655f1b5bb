"""Independent oracle of date search: R4's comparison of ranges, and models of upstreams.

Times are exact seconds since 1970, on the UTC axis or on the site's wall clock.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from importlib.resources import files
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the origin of both axes
NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
ZONES = ("Brisbane", "Sydney", "Adelaide", "Perth", "Hobart", "Lord_Howe", "Darwin", "Broken_Hill")
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
#: Clocks of a column (`range`: the site's, with partial dates as ranges), and labels of `meta.lastUpdated`.
CLOCKS = ("site", "utc", "standard", "range")
LABELS = ("ok", "naive", "local-labelled-utc", "utc-labelled-local", "fixed-standard-offset")
#: Seconds: most random instants are at most this far from a change of the offset.
NEAR = 90 * 60


@dataclass(frozen=True)
class SearchValue:
    """A search value as text, and its range."""

    text: str
    prefix: str
    s: Fraction
    e: Fraction
    zoned: bool


@dataclass(frozen=True)
class StoredValue:
    """A stored value: as JSON, as a range on both axes, and as a range in the upstream's column."""

    value: Any
    wall: tuple[Fraction, Fraction]
    utc: tuple[Fraction, Fraction]
    column: tuple[Fraction, Fraction]

    def range(self, *, zoned: bool) -> tuple[Fraction, Fraction]:
        return self.utc if zoned else self.wall


@cache
def zone_of(name: str) -> ZoneInfo:
    with files("tzdata.zoneinfo").joinpath("Australia", name).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@cache
def changes(name: str) -> tuple[int, ...]:
    """Changes of the offset from 1985 to 2036, to the minute."""
    first, last = _seconds(datetime(1985, 1, 1)), _seconds(datetime(2036, 1, 1))  # noqa: DTZ001 - UTC axis
    instants = []
    for a, b in pairwise(range(first, last, 86400)):
        if offset(name, a) != offset(name, b):
            instants.append(next(t for t in range(a, b + 1, 60) if offset(name, t) != offset(name, a)))
    return tuple(instants)


def offset(name: str, instant: Fraction | int) -> int:
    at = (EPOCH + timedelta(seconds=instant // 1)).replace(tzinfo=UTC).astimezone(zone_of(name))
    shift = at.utcoffset()
    assert shift is not None
    return int(shift.total_seconds())


def matches(prefix: str, s: Fraction, e: Fraction, ts: Fraction, te: Fraction) -> bool:
    """R4's definition of the prefix for search range `[s, e)` and stored range `[ts, te)`.

    Equal ends are a point. `ge` and `le` are inclusive: a stored range need only reach the search range.
    """
    wanted, stored = s == e, ts == te
    if wanted and stored:
        order = (ts > s) - (ts < s)
        return {
            "eq": order == 0,
            "ne": order != 0,
            "gt": order > 0,
            "lt": order < 0,
            "ap": order == 0,
            "ge": order >= 0,
            "le": order <= 0,
            "sa": order > 0,
            "eb": order < 0,
        }[prefix]
    contained = not wanted and s <= ts and (ts < e if stored else te <= e)
    ends_after_start = ts >= s if stored else te > s
    begins_before_end = ts <= s if wanted else ts < e
    return {
        "eq": contained,
        "ne": not contained,
        "gt": ts >= e if stored else te > e,
        "lt": ts < s,
        "ge": ends_after_start,
        "le": begins_before_end,
        "sa": not begins_before_end,
        "eb": not ends_after_start,
        "ap": begins_before_end and ends_after_start,
    }[prefix]


def r4_selects(repeats: list[list[SearchValue]], row: list[StoredValue]) -> bool:
    """Whether R4 returns a resource with these values."""
    return all(
        any(matches(a.prefix, a.s, a.e, *stored.range(zoned=a.zoned)) for a in repeat for stored in row)
        for repeat in repeats
    )


def selects(model: str, value: str, row: list[StoredValue]) -> bool:
    """Whether an upstream of that model selects the row by a parameter, with commas as OR."""
    return any(_meets(model, part[:2], part[2:], stored) for part in value.split(",") for stored in row)


def _meets(model: str, prefix: str, text: str, stored: StoredValue) -> bool:
    bound = Fraction(_seconds(datetime.fromisoformat(text)))
    unit = 86400 if len(text) == 10 else 1
    ts, te = stored.column
    if prefix == "lt":
        return ts < bound
    if model in ("naive", "start-only"):
        assert prefix == "ge"
        return ts >= bound
    if model in ("b", "overlap"):
        assert prefix == "ge"
        return te > bound or ts >= bound
    if prefix == "ge":  # to the letter: above the unit, or within it
        return te > bound + unit or ts >= bound
    return matches(prefix, bound, bound + unit, ts, te)


class Dice:
    """Random searches and rows, more than a third of them within 90 minutes of a change of the clock."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.zone = random.choice(ZONES)
        self.fractions = ["", "0", "5", "250", "999"]

    def instant(self) -> int:
        near = changes(self.zone) or changes("Sydney")
        if self.random.random() < 0.38:
            step = self.random.choice((1, 60, 1800))
            return self.random.choice(near) + self.random.randint(-NEAR // step, NEAR // step) * step
        return self.random.randint(_seconds(datetime(1986, 1, 1)), _seconds(datetime(2035, 6, 1)))  # noqa: DTZ001

    def search_value(self, prefixes: tuple[str, ...] = PREFIXES) -> SearchValue:
        prefix, instant = self.random.choice(prefixes), self.instant()
        prefix_text = self.random.choice(("", prefix)) if prefix == "eq" else prefix
        if self.random.random() < 0.55:
            return self._widen(self._zoned_value(prefix_text, prefix, instant))
        return self._widen(self._naive_value(prefix_text, prefix, instant + offset(self.zone, instant)))

    def _zoned_value(self, prefix_text: str, prefix: str, instant: int) -> SearchValue:
        own = offset(self.zone, instant) // 60 * 60
        shift = self.random.choice((0, own, 36000, self.random.randint(-56, 56) * 900))
        label = "Z" if shift == 0 else f"{'-' if shift < 0 else '+'}{_clock(abs(shift))}"
        text, start, width = self._time(instant + shift, self.random.choice(("minute", "second", "fraction")))
        return SearchValue(
            f"{prefix_text}{text}{label}", prefix, start - shift, start - shift + width, zoned=True
        )

    def _naive_value(self, prefix_text: str, prefix: str, wall: int) -> SearchValue:
        unit = self.random.choice(("year", "month", "day", "minute", "second", "fraction"))
        if unit in ("minute", "second", "fraction"):
            text, start, width = self._time(wall + self.random.choice((0, 0, 0, 1800, 3600)), unit)
            return SearchValue(f"{prefix_text}{text}", prefix, start, start + width, zoned=False)
        text, first, last = _calendar(wall, unit)
        return SearchValue(f"{prefix_text}{text}", prefix, first, last, zoned=False)

    def _time(self, wall: int, unit: str) -> tuple[str, Fraction, Fraction]:
        if unit == "minute":
            wall -= wall % 60
            return _text(wall)[:16], Fraction(wall), Fraction(60)
        if unit == "second":
            return _text(wall), Fraction(wall), Fraction(1)
        digits = self.random.choice(("0", "000", "5", "9", "999", "250", f"{self.random.randint(0, 99):02}"))
        self.fractions += [digits, digits, f"{digits}0", f"{digits}7"]
        return f"{_text(wall)}.{digits}", wall + Fraction(int(digits), 10 ** len(digits)), Fraction(0)

    def _widen(self, value: SearchValue) -> SearchValue:
        if value.prefix != "ap":
            return value
        now = Fraction(_seconds(NOW.replace(tzinfo=None)))
        now += 0 if value.zoned else offset(self.zone, now)
        gap = value.s - now if now < value.s else now - value.e if now > value.e else Fraction(0)
        return SearchValue(value.text, "ap", value.s - gap / 10, value.e + gap / 10, zoned=value.zoned)

    def moment(self, near: list[SearchValue]) -> int:
        """Instant near an end of a search value, near the same wall time at another offset, or random."""
        if not near or self.random.random() < 0.15:
            return self.instant()
        value = self.random.choice(near)
        end = self.random.choice((value.s, value.e)) // 1
        end -= 0 if value.zoned else offset(self.zone, end - 36000)
        far = self.random.choice((0, 0, 0, 60, 1800, 3600, 3600, 7200, 86400))
        return end + self.random.choice((-1, 0, 0, 1, 2)) + self.random.choice((-far, far))

    def point(self, instant: int, precision: str, *, width: int = 1, column: str = "site") -> StoredValue:
        """Stored point: `second` (the column also has a fraction), `frac`, a `date`, or a partial date.

        `column`: clock of the column, one of `CLOCKS`.
        """
        if precision in ("date", "day", "month", "year"):
            return self._partial(instant, precision, column)
        digits = self.random.choice(self.fractions) if precision == "frac" else ""
        start = instant + Fraction(int(digits or 0), 10 ** len(digits))
        width = 0 if digits else width
        shift = offset(self.zone, start)
        wall, stored = start + shift, start + self._clock_offset(column, start)
        hidden = Fraction(self.random.choice((0, 0, 457, 999)), 1000) if precision == "second" else 0
        fraction = f".{digits}" if digits else ""
        return StoredValue(
            f"{_text(instant + shift)}{fraction}{'+' if shift >= 0 else '-'}{_clock(abs(shift))}",
            (wall, wall + width),
            (start, start + width),
            (stored + hidden, stored + (hidden if width == 0 else max(Fraction(width), hidden))),
        )

    def labelled(self, instant: int, labels: str, *, column: str) -> StoredValue:
        """`meta.lastUpdated` of a change at an instant, as the gateway shows it under labels of `LABELS`."""
        stored, shift = self.point(instant, "second", width=0, column=column), offset(self.zone, instant)
        error = {
            "ok": 0,
            "naive": self._latest(instant) - instant,
            "local-labelled-utc": shift,
            "utc-labelled-local": -shift,
            "fixed-standard-offset": shift - self._clock_offset("standard", instant),
        }[labels]
        shown = self.point(instant + error, "second", width=0)
        return StoredValue(shown.value, shown.wall, shown.utc, stored.column)

    def _clock_offset(self, column: str, instant: Fraction | int) -> int:
        standard = min(offset(self.zone, instant), offset(self.zone, instant - 182 * 86400))
        return {"utc": 0, "standard": standard}.get(column, offset(self.zone, instant))

    def _latest(self, instant: int) -> int:
        """Last instant with the same wall time."""
        wall = instant + offset(self.zone, instant)
        later = [instant + shift for shift in (1800, 3600, 7200)]
        return max([instant, *(t for t in later if t + offset(self.zone, t) == wall)])

    def _partial(self, instant: int, unit: str, column: str = "site") -> StoredValue:
        text, first, last = _calendar(instant + offset(self.zone, instant), unit)
        midnights = (self._midnight(first), self._midnight(last))
        stored = midnights[0] if column == "utc" and self.random.random() < 0.5 else first
        is_range = unit == "date" or column == "range"
        return StoredValue(text, (first, last), midnights, (stored, last if is_range else stored + 1))

    def _midnight(self, wall: Fraction) -> Fraction:
        local = (EPOCH + timedelta(seconds=wall // 1)).replace(tzinfo=zone_of(self.zone))
        return Fraction(_seconds(local.astimezone(UTC).replace(tzinfo=None)))

    def later_on_the_wall(self, first: int, last: int) -> int:
        """End of a Period that is also later on the wall clock, as a column of wall times requires."""
        is_earlier = last + offset(self.zone, last) < first + offset(self.zone, first)
        return last + 7200 if is_earlier else last

    def period(
        self, first: int, last: int, *, whole: bool = False, columns: tuple[str, ...] = ()
    ) -> StoredValue:
        """Period between two instants. An end may be a day; an end may be open unless `whole`.

        `columns`: possible clocks; a day is then stored as its midnight. By default it is stored as a range.
        """
        column = self.random.choice(columns or ("site",))
        precisions = ("second", "second", "day")
        ends = [
            self.point(instant, self.random.choice(precisions), column=column) for instant in (first, last)
        ]
        open_end = None if whole else self.random.choice((None, None, None, 0, 1))
        value = {
            name: end.value
            for index, (name, end) in enumerate(zip(("start", "end"), ends, strict=True))
            if open_end != index
        }
        always = Fraction(10**13)

        def between(axis: str) -> tuple[Fraction, Fraction]:
            ts = -always if open_end == 0 else getattr(ends[0], axis)[0]
            return ts, always if open_end == 1 else getattr(ends[1], axis)[1]

        return StoredValue(value, between("wall"), between("utc"), between("column" if columns else "wall"))


def _seconds(moment: datetime) -> int:
    return (moment.replace(tzinfo=None) - EPOCH) // timedelta(seconds=1)


def _text(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


def _calendar(wall: int, unit: str) -> tuple[str, Fraction, Fraction]:
    day = (EPOCH + timedelta(seconds=wall)).date()
    if unit == "year":
        return f"{day.year:04}", _day(date(day.year, 1, 1)), _day(date(day.year + 1, 1, 1))
    if unit == "month":
        later = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return f"{day:%Y-%m}", _day(day.replace(day=1)), _day(later)
    return f"{day:%Y-%m-%d}", _day(day), _day(day + timedelta(days=1))


def _day(day: date) -> Fraction:
    return Fraction((day - date(1970, 1, 1)).days * 86400)
