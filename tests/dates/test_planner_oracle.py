"""Plans compared with R4's definitions, for random searches, rows, zones and upstreams."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from dates.date_oracle import CLOCKS, LABELS, NOW, Dice, SearchValue, StoredValue, r4_selects, selects
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.date_facts import PROBED

from gateway.dates.matcher import meets_predicate
from gateway.dates.plan import DatePlan
from gateway.dates.planner import plan_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import UTC, load_zone

CASES = int(os.environ.get("DATE_CASES", "2000"))
ROWS = 12
COUNTS: Counter[str] = Counter()

Rows = Callable[[Dice, list[SearchValue]], list[StoredValue]]


def support_with(code: str, precision: str, **options: Any) -> DateSearchSupport:
    return replace(PROBED, date_precision=MappingProxyType({("*", code): precision}), **options)


def points(precisions: str, *, width: int = 1, column: str = "site", count: int = 1) -> Rows:
    def rows(dice: Dice, near: list[SearchValue]) -> list[StoredValue]:
        precision = dice.random.choice(precisions.split("|"))
        return [
            dice.point(dice.moment(near), precision, width=width, column=column)
            for _ in range(dice.random.randint(1, count))
        ]

    return rows


def periods(
    dice: Dice,
    near: list[SearchValue],
    *,
    count: int = 1,
    whole: bool = False,
    columns: tuple[str, ...] = (),
) -> list[StoredValue]:
    pairs = [sorted((dice.moment(near), dice.moment(near))) for _ in range(dice.random.randint(1, count))]
    return [
        dice.period(first, dice.later_on_the_wall(first, last), whole=whole, columns=columns)
        for first, last in pairs
    ]


def any_points(
    dice: Dice,
    near: list[SearchValue],
    *,
    precisions: str,
    columns: tuple[str, ...] = CLOCKS,
    width: int = 1,
    count: int = 1,
) -> list[StoredValue]:
    """Points in a column of any of these clocks."""
    column = dice.random.choice(columns)
    return points(precisions, width=width, column=column, count=count)(dice, near)


def any_labels(
    dice: Dice,
    near: list[SearchValue],
    *,
    labels: tuple[str, ...] = LABELS,
    columns: tuple[str, ...] = CLOCKS,
) -> list[StoredValue]:
    """`meta.lastUpdated` with any labels, whose shown or true time is near a bound."""
    label, column, instant = dice.random.choice(labels), dice.random.choice(columns), dice.moment(near)
    instant += dice.random.choice((0, 0, -1, 1)) * dice.random.choice((36000, 39600, 28800, 34200, 37800))
    return [dice.labelled(instant, label, column=column)]


MIXED = {"mixed-day": "second|day", "mixed-month": "second|day|month", "mixed-year": "second|day|month|year"}
THREE = ("naive", "a", "b")
AT_BOTH_ENDS = ("a", "overlap")


class Case:
    """An element with its path, the upstream's support, and generators of rows and upstreams."""

    def __init__(
        self,
        parameter: tuple[str, str],
        element: str,
        support: DateSearchSupport,
        rows: Rows,
        models: tuple[str, ...],
        *,
        weight: int = 1,
    ) -> None:
        self.resource, self.code = parameter
        self.element, self.support, self.rows, self.models = element, support, rows, models
        self.weight = weight

    def resource_of(self, row: list[StoredValue]) -> dict[str, Any]:
        """Resource with these values, as JSON."""
        first, *rest = self.element.split(".")
        if first.endswith("*"):
            return {"resourceType": self.resource, first[:-1]: [nested(rest, stored.value) for stored in row]}
        return {"resourceType": self.resource, first: nested(rest, row[0].value)}


def nested(steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    inner = nested(steps[1:], value)
    return {steps[0].rstrip("*"): [inner] if steps[0].endswith("*") else inner}


UTC_COLUMN = {("*", "_lastUpdated"): UTC}
VERIFIED = replace(PROBED, period_semantics="r4", supports_sa_eb=True)
ELEMENTS = {
    "date": Case(("Patient", "birthdate"), "birthDate", PROBED, points("date"), THREE, weight=2),
    "second": Case(
        ("Task", "authored-on"),
        "authoredOn",
        support_with("authored-on", "second"),
        points("second"),
        THREE,
        weight=3,
    ),
    "choice of points": Case(
        ("Observation", "date"), "effectiveDateTime", support_with("date", "second"), points("second"), THREE
    ),
    "instant": Case(
        ("Appointment", "date"),
        "start",
        support_with("date", "second"),
        points("second", width=0),
        THREE,
        weight=2,
    ),
    "fractions": Case(("Task", "modified"), "lastModified", PROBED, points("frac"), THREE),
    "fractions of instants": Case(("Slot", "start"), "start", PROBED, points("frac", width=0), THREE),
    "UTC column": Case(
        ("Patient", "_lastUpdated"),
        "meta.lastUpdated",
        replace(PROBED, column_time_zones=MappingProxyType(UTC_COLUMN)),
        points("frac", width=0, column="utc"),
        THREE,
        weight=2,
    ),
    **{
        precision: Case(
            ("Condition", "onset-date"),
            "onsetDateTime",
            support_with("onset-date", precision),
            points(precisions),
            THREE,
        )
        for precision, precisions in MIXED.items()
    },
    "repeating": Case(
        ("MedicationRequest", "date"),
        "dosageInstruction*.timing.event*",
        support_with("date", "second"),
        points("second", count=3),
        THREE,
    ),
    "one condition": Case(
        ("Task", "authored-on"),
        "authoredOn",
        support_with("authored-on", "second", supports_repeated_parameter=False),
        points("second"),
        THREE,
    ),
    "comma": Case(
        ("Task", "authored-on"),
        "authoredOn",
        support_with("authored-on", "second", supports_comma_or=True),
        points("second"),
        THREE,
    ),
    "Period": Case(("Encounter", "date"), "period", PROBED, periods, AT_BOTH_ENDS, weight=2),
    "Period, start column": Case(
        ("Encounter", "date"),
        "period",
        replace(PROBED, period_semantics="start-only"),
        partial(periods, whole=True),
        ("start-only",),
    ),
    "Period, verified": Case(("Encounter", "date"), "period", VERIFIED, periods, ("a",), weight=2),
    "Period, verified, comma": Case(
        ("Encounter", "date"), "period", replace(VERIFIED, supports_comma_or=True), periods, ("a",)
    ),
    "Periods": Case(
        ("Encounter", "location-period"),
        "location*.period",
        PROBED,
        partial(periods, count=3),
        AT_BOTH_ENDS,
        weight=2,
    ),
    "Periods, verified": Case(
        ("Encounter", "location-period"),
        "location*.period",
        VERIFIED,
        partial(periods, count=3),
        ("a",),
        weight=2,
    ),
    "point where a Period may be": Case(
        ("Condition", "onset-date"),
        "onsetDateTime",
        PROBED,
        points("second|day|month|year"),
        THREE,
    ),
}
UNKNOWN = DateSearchSupport()
MIXED_DAY = "second|frac|day"
ELEMENTS |= {
    "unknown clock, date": Case(("Patient", "birthdate"), "birthDate", UNKNOWN, points("date"), THREE),
    "unknown clock, instant": Case(
        ("Appointment", "date"),
        "start",
        UNKNOWN,
        partial(any_points, precisions="second|frac", width=0),
        THREE,
        weight=2,
    ),
    "unknown clock and precision": Case(
        ("Task", "authored-on"),
        "authoredOn",
        UNKNOWN,
        partial(any_points, precisions=MIXED_DAY),
        THREE,
        weight=3,
    ),
    "unknown clock and partial": Case(
        ("Immunization", "date"),
        "occurrenceDateTime",
        UNKNOWN,
        partial(any_points, precisions=f"{MIXED_DAY}|month|year"),
        THREE,
    ),
    "unknown clock, choice": Case(
        ("Observation", "date"),
        "effectiveDateTime",
        UNKNOWN,
        partial(any_points, precisions=MIXED_DAY),
        THREE,
    ),
    "unknown clock, repeating": Case(
        ("MedicationRequest", "date"),
        "dosageInstruction*.timing.event*",
        UNKNOWN,
        partial(any_points, precisions=MIXED_DAY, count=3),
        THREE,
    ),
    "unknown clock, comma": Case(
        ("Task", "authored-on"),
        "authoredOn",
        replace(UNKNOWN, supports_comma_or=True),
        partial(any_points, precisions=MIXED_DAY),
        THREE,
    ),
    "unknown clock, one condition": Case(
        ("Task", "authored-on"),
        "authoredOn",
        replace(UNKNOWN, supports_repeated_parameter=False),
        partial(any_points, precisions=MIXED_DAY),
        THREE,
    ),
    "unknown clock, Period": Case(
        ("Encounter", "date"), "period", UNKNOWN, partial(periods, columns=CLOCKS), AT_BOTH_ENDS, weight=2
    ),
    "unknown clock, Period, verified": Case(
        ("Encounter", "date"),
        "period",
        replace(UNKNOWN, period_semantics="r4", supports_sa_eb=True),
        partial(periods, columns=CLOCKS),
        ("a",),
        weight=2,
    ),
    "unknown clock, Periods": Case(
        ("Encounter", "location-period"),
        "location*.period",
        replace(UNKNOWN, period_semantics="r4", supports_sa_eb=True),
        partial(periods, count=3, columns=CLOCKS),
        ("a",),
    ),
    "unknown precision": Case(
        ("Task", "authored-on"),
        "authoredOn",
        replace(UNKNOWN, column_time_zones={("*", "*"): "site"}),
        partial(any_points, precisions=MIXED_DAY, columns=("site", "range")),
        THREE,
        weight=2,
    ),
    "unknown precision, UTC column": Case(
        ("Task", "authored-on"),
        "authoredOn",
        replace(UNKNOWN, column_time_zones={("*", "*"): UTC}),
        points(MIXED_DAY, column="utc"),
        THREE,
        weight=2,
    ),
    "unknown labels": Case(
        ("Patient", "_lastUpdated"), "meta.lastUpdated", UNKNOWN, any_labels, THREE, weight=3
    ),
    "unknown labels, UTC column": Case(
        ("Patient", "_lastUpdated"),
        "meta.lastUpdated",
        replace(UNKNOWN, column_time_zones={("*", "_lastUpdated"): UTC}),
        partial(any_labels, columns=("utc",)),
        THREE,
    ),
    "known labels": Case(
        ("Patient", "_lastUpdated"),
        "meta.lastUpdated",
        replace(UNKNOWN, label_meanings={"*": "exact"}),
        partial(any_labels, labels=("ok",)),
        THREE,
    ),
    "UTC column, no labels": Case(
        ("Patient", "_lastUpdated"),
        "meta.lastUpdated",
        replace(UNKNOWN, label_meanings={"*": "digits"}, column_time_zones={("*", "_lastUpdated"): UTC}),
        partial(any_labels, labels=("naive",), columns=("utc",)),
        THREE,
        weight=2,
    ),
}
SHAPES = ((1,), (1,), (1,), (1, 1), (2,), (3,), (2, 2), (6,), (1, 1, 1))


def random_search(dice: Dice) -> list[list[SearchValue]]:
    shape = dice.random.choice(SHAPES)
    return [[dice.search_value() for _ in range(count)] for count in shape]


def check_row(
    case: Case, plan: DatePlan, repeats: list[list[SearchValue]], row: list[StoredValue], dice: Dice
) -> None:
    truth, resource = r4_selects(repeats, row), case.resource_of(row)
    message = f"{dice.zone}: {[[value.text for value in repeat] for repeat in repeats]} {resource} {plan}"
    assert plan.predicate is not None, message
    assert meets_predicate(plan.predicate, resource, load_zone(f"Australia/{dice.zone}")) == truth, message
    zone = load_zone(f"Australia/{dice.zone}")
    for model in case.models:
        selected = [all(selects(model, value, row) for value in query) for query in plan.queries]
        kept = [
            is_selected and plan.is_match_of(query, resource, zone)
            for query, is_selected in zip(plan.queries, selected, strict=True)
        ]
        assert any(selected) >= truth, f"lost by {model}: {message}"
        assert not truth or sum(kept) == 1, f"not once from {model}: {message}"
        assert not plan.exact or sum(kept) == truth, f"surplus from {model}: {message}"
        COUNTS["decisions"] += 1
        COUNTS["surplus"] += any(selected) and not truth


def check_plan(name: str, seed: int) -> None:
    case, dice = ELEMENTS[name], Dice(Random(seed))
    repeats = random_search(dice)
    texts = [",".join(value.text for value in repeat) for repeat in repeats]
    plan = plan_parameter(
        case.resource, case.code, texts, case.support, load_zone(f"Australia/{dice.zone}"), NOW
    )
    assert plan is not None
    COUNTS[plan.strategy] += 1
    COUNTS["plans"] += 1
    if plan.problem is None:
        near = [value for repeat in repeats for value in repeat]
        for _ in range(ROWS):
            check_row(case, plan, repeats, case.rows(dice, near), dice)
    else:
        assert plan.problem.kind == "too-costly"
        assert max_parts(repeats) > case.support.max_split_queries


def max_parts(repeats: list[list[SearchValue]]) -> int:
    """Maximum number of parts of the values: two per value."""
    return sum(2 * len(repeat) for repeat in repeats)


WEIGHT = sum(case.weight for case in ELEMENTS.values())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ELEMENTS)
def test_plan_with_filter_selects_what_r4_defines(name: str) -> None:
    @settings(
        max_examples=max(1, CASES * ELEMENTS[name].weight // WEIGHT),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**48))
    def check_all(seed: int) -> None:
        check_plan(name, seed)

    check_all()


def test_decisions_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ndate search against R4's table: {dict(COUNTS.most_common())}")
    assert COUNTS["decisions"] >= COUNTS["plans"]
