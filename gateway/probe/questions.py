"""Questions of a probe in their order, the most informative first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.probe.clocks import PROBED_TYPES
from gateway.probe.evidence import Evidence, Pairs
from gateway.probe.issue_questions import ISSUE_QUESTIONS
from gateway.probe.last_updated_labels import LAST_UPDATED
from gateway.probe.question_builders import (
    RequestBuilder,
    all_column_clocks,
    any_of_values,
    day_value,
    fixed_value,
    metadata_request,
    only_if,
    partial_date_conditions,
    period_conditions,
    period_end_value,
    period_middle_value,
    period_start_value,
    plain_page,
    point_conditions,
    sample_page,
    second_value,
    single_column_clock,
    small_page,
    values_ahead_of_utc,
)
from gateway.probe.records import DATE_PARAMETERS
from gateway.probe.verdicts import can_repeat_parameters


@dataclass(frozen=True)
class Question:
    """A question: id of its response in the evidence, and builder of its request."""

    id: str
    build_request: RequestBuilder


def _needs_single_conditions(evidence: Evidence) -> bool:
    return not can_repeat_parameters(evidence)


def _is_period_middle_found(evidence: Evidence) -> bool:
    """Whether a condition on the middle of the Period matched."""
    return "yes" in (evidence.verdict("period.inside"), evidence.verdict("period.ge"))


def _is_period_inside_unproven(evidence: Evidence) -> bool:
    return evidence.verdict("period.inside") != "yes"


def _can_list_outside(evidence: Evidence) -> bool:
    return _is_period_middle_found(evidence) and evidence.verdict("comma") == "yes"


def _needs_separate_outside(evidence: Evidence) -> bool:
    """Whether conditions outside the Period need a request each: a list is not supported, or it matched."""
    return _is_period_middle_found(evidence) and evidence.verdict("period.outside") != "no"


def _needs_separate_inside(evidence: Evidence) -> bool:
    return _is_period_middle_found(evidence) and _is_period_inside_unproven(evidence)


def _may_ask_sa_eb(evidence: Evidence) -> bool:
    return _needs_separate_outside(evidence) and "refused" not in (
        evidence.verdict("period.sa"),
        evidence.verdict("period.eb"),
    )


def _needs_separate_sa_eb(evidence: Evidence) -> bool:
    return _may_ask_sa_eb(evidence) and _is_period_inside_unproven(evidence)


#: Values that match every record, and none.
_ALWAYS_TRUE, _ALWAYS_FALSE = fixed_value("ge1900-01-01"), fixed_value("lt1900-01-01")

#: Additional parameters in the request for the first page of a type. They measure a feature at no extra cost.
_SAMPLE_PARAMETERS: Final[dict[str, Pairs]] = {
    "Observation": (("_sort", "-_lastUpdated"),),
    "Encounter": (("date", "ge1753-01-01"),),
    "Appointment": (("_sort", "-date"),),
    "Condition": (("onset-date:missing", "false"),),
    "Patient": (("halo-gateway-probe", "1"),),
}

_POINT_QUESTIONS: Final[dict[str, RequestBuilder]] = {
    "before": point_conditions(second_value("lt")),
    "after": point_conditions(second_value("ge", 1)),
    "from": only_if(_needs_single_conditions, point_conditions(second_value("ge"))),
    "until": only_if(_needs_single_conditions, point_conditions(second_value("lt", 1))),
    "comma": point_conditions(fixed_value("lt1900-01-01,ge1900-01-01,lt1900-01-01")),
    "eq-day": point_conditions(day_value("eq")),
    "gt-day": point_conditions(day_value("gt")),
    "le": point_conditions(second_value("le")),
}
_PERIOD_QUESTIONS: Final[dict[str, RequestBuilder]] = {
    "inside": period_conditions(
        can_repeat_parameters,
        period_middle_value("ge"),
        period_end_value("gt", -1),
        period_start_value("sa", -1),
        period_end_value("eb", 1),
    ),
    "ge": period_conditions(_is_period_inside_unproven, period_middle_value("ge")),
    "eq": period_conditions(_is_period_middle_found, period_middle_value("eq")),
    "outside": period_conditions(
        _can_list_outside,
        any_of_values(period_end_value("gt"), period_start_value("sa"), period_end_value("eb")),
    ),
    "gt": period_conditions(_needs_separate_outside, period_end_value("gt")),
    "gt-inside": period_conditions(_needs_separate_inside, period_end_value("gt", -1)),
    "sa": period_conditions(_needs_separate_outside, period_start_value("sa")),
    "eb": period_conditions(_may_ask_sa_eb, period_end_value("eb")),
    "sa-inside": period_conditions(_needs_separate_sa_eb, period_start_value("sa", -1)),
    "eb-inside": period_conditions(_needs_separate_sa_eb, period_end_value("eb", 1)),
}
_PARTIAL_DATE_QUESTIONS: Final[dict[str, RequestBuilder]] = {
    "first": partial_date_conditions(second_value("ge"), second_value("lt", 1)),
    "later": partial_date_conditions(second_value("ge", 1)),
}


def _all_questions() -> Iterator[Question]:
    point_type, period_type, *further_types = _SAMPLE_PARAMETERS
    yield Question("metadata", metadata_request)
    for resource_type, pairs in _SAMPLE_PARAMETERS.items():
        yield Question(f"{resource_type}.sample", sample_page(resource_type, pairs))
        yield Question(f"{resource_type}.plain", plain_page(resource_type))
    yield Question("repeats", point_conditions(_ALWAYS_TRUE, _ALWAYS_FALSE, _ALWAYS_TRUE))
    yield from _clock_questions(point_type)
    yield from _question_group("", _POINT_QUESTIONS)
    yield from _question_group("", ISSUE_QUESTIONS)
    yield from _clock_questions(period_type)
    yield from _question_group("period.", _PERIOD_QUESTIONS)
    for resource_type in further_types:
        yield from _clock_questions(resource_type)
    yield from _question_group("partial.", _PARTIAL_DATE_QUESTIONS)
    for resource_type in _SAMPLE_PARAMETERS:
        yield Question(f"{resource_type}.ahead", values_ahead_of_utc(resource_type))
    for resource_type in PROBED_TYPES[len(_SAMPLE_PARAMETERS) :]:
        yield Question(f"{resource_type}.sample", small_page(resource_type))
        yield from _clock_questions(resource_type)
        yield Question(f"{resource_type}.ahead", values_ahead_of_utc(resource_type))


def _question_group(prefix: str, builders: Mapping[str, RequestBuilder]) -> Iterator[Question]:
    return (Question(f"{prefix}{name}", builder) for name, builder in builders.items())


def _clock_questions(resource_type: str) -> Iterator[Question]:
    """Yield the questions about the clocks of a type: all at once, then, without a match, singly."""
    yield Question(f"{resource_type}.clocks", all_column_clocks(resource_type))
    for code, readings in (
        (LAST_UPDATED, 3),
        *((code, 2) for code in DATE_PARAMETERS.get(resource_type, ())),
    ):
        yield from (
            Question(f"{resource_type}.{code}.{number}", single_column_clock(resource_type, code))
            for number in range(1, readings + 1)
        )


#: All questions.
QUESTIONS: Final = tuple(_all_questions())
