"""The plan against R4's own words, for random searches, rows, zones and upstreams."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from dates.date_oracle import NOW, Asked, Dice, Stored, answers, sends_back
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dates.matcher import meets_predicate
from gateway.dates.plan import DatePlan
from gateway.dates.planner import plan_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import UTC, load_zone

CASES = int(os.environ.get("DATE_CASES", "2000"))
ROWS = 12
SEEN: Counter[str] = Counter()

Rows = Callable[[Dice, list[Asked]], list[Stored]]


def facts(code: str, precision: str | None = None, **others: Any) -> DateSearchSupport:
    known = {("*", code): precision} if precision else {}
    return DateSearchSupport(date_precision=MappingProxyType(known), **others)


def points(precision: str, *, width: int = 1, column: str = "site", count: int = 1) -> Rows:
    def rows(dice: Dice, near: list[Asked]) -> list[Stored]:
        choice = dice.random.choice(precision.split("|"))
        return [
            dice.point(dice.moment(near), choice, width=width, column=column)
            for _ in range(dice.random.randint(1, count))
        ]

    return rows


def periods(dice: Dice, near: list[Asked], *, count: int = 1, whole: bool = False) -> list[Stored]:
    pairs = [sorted((dice.moment(near), dice.moment(near))) for _ in range(dice.random.randint(1, count))]
    return [dice.period(first, dice.later_on_the_wall(first, last), whole=whole) for first, last in pairs]


MIXED = {"mixed-day": "second|day", "mixed-month": "second|day|month", "mixed-year": "second|day|month|year"}
THREE = ("naive", "a", "b")
AT_BOTH_ENDS = ("a", "overlap")


class Kind:
    """One kind of element: where it stands, what is known of it, what rows and upstreams there are."""

    def __init__(
        self,
        parameter: tuple[str, str],
        element: str,
        known: DateSearchSupport,
        rows: Rows,
        models: tuple[str, ...],
        *,
        weight: int = 1,
    ) -> None:
        self.resource, self.code = parameter
        self.element, self.known, self.rows, self.models = element, known, rows, models
        self.weight = weight

    def shown(self, row: list[Stored]) -> dict[str, Any]:
        """The resource with these values, as JSON."""
        first, *rest = self.element.split(".")
        if first.endswith("*"):
            return {"resourceType": self.resource, first[:-1]: [nested(rest, each.shown) for each in row]}
        return {"resourceType": self.resource, first: nested(rest, row[0].shown)}


def nested(steps: list[str], shown: Any) -> Any:
    if not steps:
        return shown
    inner = nested(steps[1:], shown)
    return {steps[0].rstrip("*"): [inner] if steps[0].endswith("*") else inner}


UTC_COLUMN = {("*", "_lastUpdated"): UTC}
VERIFIED = DateSearchSupport(period_semantics="r4", supports_sa_eb=True)
KINDS = {
    "date": Kind(("Patient", "birthdate"), "birthDate", DateSearchSupport(), points("date"), THREE, weight=2),
    "second": Kind(
        ("Task", "authored-on"),
        "authoredOn",
        facts("authored-on", "second"),
        points("second"),
        THREE,
        weight=3,
    ),
    "choice of points": Kind(
        ("Observation", "date"), "effectiveDateTime", facts("date", "second"), points("second"), THREE
    ),
    "instant": Kind(
        ("Appointment", "date"), "start", facts("date", "second"), points("second", width=0), THREE, weight=2
    ),
    "fractions": Kind(("Task", "modified"), "lastModified", DateSearchSupport(), points("frac"), THREE),
    "fractions of instants": Kind(
        ("Slot", "start"), "start", DateSearchSupport(), points("frac", width=0), THREE
    ),
    "UTC column": Kind(
        ("Patient", "_lastUpdated"),
        "meta.lastUpdated",
        DateSearchSupport(column_time_zones=MappingProxyType(UTC_COLUMN)),
        points("frac", width=0, column="utc"),
        THREE,
        weight=2,
    ),
    **{
        precision: Kind(
            ("Condition", "onset-date"), "onsetDateTime", facts("onset-date", precision), points(shown), THREE
        )
        for precision, shown in MIXED.items()
    },
    "repeating": Kind(
        ("MedicationRequest", "date"),
        "dosageInstruction*.timing.event*",
        facts("date", "second"),
        points("second", count=3),
        THREE,
    ),
    "one condition": Kind(
        ("Task", "authored-on"),
        "authoredOn",
        facts("authored-on", "second", supports_repeated_parameter=False),
        points("second"),
        THREE,
    ),
    "comma": Kind(
        ("Task", "authored-on"),
        "authoredOn",
        facts("authored-on", "second", supports_comma_or=True),
        points("second"),
        THREE,
    ),
    "Period": Kind(("Encounter", "date"), "period", DateSearchSupport(), periods, AT_BOTH_ENDS, weight=2),
    "Period, start column": Kind(
        ("Encounter", "date"),
        "period",
        DateSearchSupport(period_semantics="start-only"),
        partial(periods, whole=True),
        ("start-only",),
    ),
    "Period, verified": Kind(("Encounter", "date"), "period", VERIFIED, periods, ("a",), weight=2),
    "Period, verified, comma": Kind(
        ("Encounter", "date"), "period", replace(VERIFIED, supports_comma_or=True), periods, ("a",)
    ),
    "Periods": Kind(
        ("Encounter", "location-period"),
        "location*.period",
        DateSearchSupport(),
        partial(periods, count=3),
        AT_BOTH_ENDS,
        weight=2,
    ),
    "Periods, verified": Kind(
        ("Encounter", "location-period"),
        "location*.period",
        VERIFIED,
        partial(periods, count=3),
        ("a",),
        weight=2,
    ),
    "point where a Period may be": Kind(
        ("Condition", "onset-date"),
        "onsetDateTime",
        DateSearchSupport(),
        points("second|day|month|year"),
        THREE,
    ),
}
SHAPES = ((1,), (1,), (1,), (1, 1), (2,), (3,), (2, 2), (6,), (1, 1, 1))


def asked(dice: Dice) -> list[list[Asked]]:
    shape = dice.random.choice(SHAPES)
    return [[dice.asked() for _ in range(count)] for count in shape]


def decide(kind: Kind, made: DatePlan, repeats: list[list[Asked]], row: list[Stored], dice: Dice) -> None:
    truth, resource = answers(repeats, row), kind.shown(row)
    told = f"{dice.zone}: {[[each.text for each in repeat] for repeat in repeats]} {resource} {made}"
    assert made.predicate is not None, told
    assert meets_predicate(made.predicate, resource, load_zone(f"Australia/{dice.zone}")) == truth, told
    for model in kind.models:
        found = [all(sends_back(model, value, row) for value in query) for query in made.queries]
        assert any(found) >= truth, f"lost by {model}: {told}"
        assert made.dedupe or sum(found) <= 1, f"twice from {model}: {told}"
        assert not made.exact or any(found) == truth, f"surplus from {model}: {told}"
        SEEN["decisions"] += 1
        SEEN["surplus"] += any(found) and not truth


def check(name: str, seed: int) -> None:
    kind, dice = KINDS[name], Dice(Random(seed))
    repeats = asked(dice)
    texts = [",".join(each.text for each in repeat) for repeat in repeats]
    made = plan_parameter(
        kind.resource, kind.code, texts, kind.known, load_zone(f"Australia/{dice.zone}"), NOW
    )
    assert made is not None
    SEEN[made.strategy] += 1
    SEEN["plans"] += 1
    if made.problem is None:
        near = [each for repeat in repeats for each in repeat]
        for _ in range(ROWS):
            decide(kind, made, repeats, kind.rows(dice, near), dice)
    else:
        assert made.problem.kind == "too-costly"
        assert len(near_parts(repeats)) > kind.known.max_split_queries


def near_parts(repeats: list[list[Asked]]) -> list[str]:
    """As many parts as the values could fall into."""
    return [each.text for repeat in repeats for each in repeat for _ in (each.s, each.e)]


WEIGHT = sum(kind.weight for kind in KINDS.values())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_lost_nothing_is_surplus_and_the_filter_is_r4(name: str) -> None:
    @settings(
        max_examples=max(1, CASES * KINDS[name].weight // WEIGHT),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**48))
    def every_case(seed: int) -> None:
        check(name, seed)

    every_case()


def test_the_decisions_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ndate search against R4's table: {dict(SEEN.most_common())}")
    assert SEEN["decisions"] >= SEEN["plans"]
