"""How the questions of a probe are put, given what is known; None where there is nothing to ask."""

from collections.abc import Callable
from typing import Final

from gateway.dates.bounds import day_text, epoch_seconds, second_text
from gateway.dates.value import DAY
from gateway.probe.clocks import confirmed_reading, dated_record, next_untried_second
from gateway.probe.evidence import Evidence, Pairs, ProbeRequest
from gateway.probe.last_updated_labels import LAST_UPDATED, MAX_CLOCK_SKEW, is_in_future, sampled_last_updated
from gateway.probe.records import (
    PARTIAL_DATE_PARAMETER,
    PERIOD_PARAMETER,
    longest_period,
    partial_date_record,
    point_record,
)
from gateway.probe.verdicts import can_repeat_parameters, clock_of, has_ignored_dates

RequestBuilder = Callable[[Evidence], ProbeRequest | None]
EvidencePredicate = Callable[[Evidence], bool]

_SAMPLE_SIZE: Final = "20"
_SMALL_SAMPLE_SIZE: Final = "10"


def metadata_request(_: Evidence) -> ProbeRequest:
    """The CapabilityStatement, which Halo does not bill."""
    return ProbeRequest("metadata")


def sample_page(resource_type: str, extra_pairs: Pairs) -> RequestBuilder:
    """A page of a type, asking for something else besides."""
    return lambda _: ProbeRequest(resource_type, (*extra_pairs, ("_count", _SAMPLE_SIZE)))


def plain_page(resource_type: str) -> RequestBuilder:
    """The plain page of a type where that was refused or found nothing."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        page = evidence.responses.get(f"{resource_type}.sample")
        return (
            ProbeRequest(resource_type, (("_count", _SAMPLE_SIZE),)) if page and not page.resources else None
        )

    return build_request


def small_page(resource_type: str) -> RequestBuilder:
    """A small page of a type that the site declares, as long as there is something to ask of it."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        askable = (
            _is_declared(evidence, resource_type)
            and can_repeat_parameters(evidence)
            and not has_ignored_dates(evidence)
        )
        return ProbeRequest(resource_type, (("_count", _SMALL_SAMPLE_SIZE),)) if askable else None

    return build_request


def point_conditions(*formatters: Callable[[int], str]) -> RequestBuilder:
    """Conditions on the one second that a known record shows, on the clock of its column."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = point_record(evidence)
        if record is None or has_ignored_dates(evidence):
            return None
        at = record.moment.seconds_on(clock_of(evidence, record.resource_type, "date") or "site")
        return _record_request(
            record.resource_type, record.id, tuple(("date", each(at)) for each in formatters)
        )

    return build_request


def all_column_clocks(resource_type: str) -> RequestBuilder:
    """All dates of one record at once, each on the clock it is likely to keep."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = dated_record(evidence, resource_type)
        if record is None or not can_repeat_parameters(evidence) or has_ignored_dates(evidence):
            return None
        values = {code: next_untried_second(evidence, record, code) for code in record.candidate_seconds}
        pairs = [record.second_conditions(code, value) for code, value in values.items() if value is not None]
        return _record_request(resource_type, record.id, tuple(pair for each in pairs for pair in each))

    return build_request


def single_column_clock(resource_type: str, code: str) -> RequestBuilder:
    """One date of that record, read in the likeliest of the ways left."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = dated_record(evidence, resource_type)
        if (
            record is None
            or evidence.verdict(f"{resource_type}.clocks") in {"yes", "unasked"}
            or has_ignored_dates(evidence)
        ):
            return None
        value = next_untried_second(evidence, record, code)
        return (
            None
            if value is None
            else _record_request(resource_type, record.id, record.second_conditions(code, value))
        )

    return build_request


def values_ahead_of_utc(resource_type: str) -> RequestBuilder:
    """Whether a column that holds the digits shown holds more than UTC has reached: they are the site's."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        told = any(is_in_future(evidence, each) for each in sampled_last_updated(evidence, resource_type))
        if (
            told
            or has_ignored_dates(evidence)
            or confirmed_reading(evidence, resource_type, LAST_UPDATED) != "as-shown"
        ):
            return None
        soon = second_text(int(epoch_seconds(evidence.now)) + MAX_CLOCK_SKEW)
        return ProbeRequest(resource_type, ((LAST_UPDATED, f"ge{soon}"), ("_count", "1")))

    return build_request


def period_conditions(is_needed: EvidencePredicate, *formatters: Callable[[int, int], str]) -> RequestBuilder:
    """Conditions on the start and end of a known Encounter, on the clock of the column."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record, column = longest_period(evidence), clock_of(evidence, *PERIOD_PARAMETER)
        if record is None or column is None or has_ignored_dates(evidence) or not is_needed(evidence):
            return None
        start, end = record.start.seconds_on(column), record.end.seconds_on(column)
        return _record_request(
            PERIOD_PARAMETER[0],
            record.id,
            tuple((PERIOD_PARAMETER[1], each(start, end)) for each in formatters),
        )

    return build_request


def partial_date_conditions(*formatters: Callable[[int], str]) -> RequestBuilder:
    """Conditions on the first second of a bare year or month that a known Condition shows as onset."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        found = partial_date_record(evidence)
        if found is None or has_ignored_dates(evidence) or not can_repeat_parameters(evidence):
            return None
        return _record_request(
            PARTIAL_DATE_PARAMETER[0],
            found[0],
            tuple((PARTIAL_DATE_PARAMETER[1], each(found[1])) for each in formatters),
        )

    return build_request


def only_if(is_needed: EvidencePredicate, build_request: RequestBuilder) -> RequestBuilder:
    """The question, where it is needed."""
    return lambda known: build_request(known) if is_needed(known) else None


def fixed_value(text: str) -> Callable[[int], str]:
    """A value that does not depend on the record."""
    return lambda _: text


def second_value(prefix: str, offset_seconds: int = 0) -> Callable[[int], str]:
    """The second, or some seconds after it."""
    return lambda second: f"{prefix}{second_text(second + offset_seconds)}"


def day_value(prefix: str) -> Callable[[int], str]:
    """The day of the second."""
    return lambda second: f"{prefix}{day_text(second // DAY * DAY)}"


def period_start_value(prefix: str, offset_seconds: int = 0) -> Callable[[int, int], str]:
    """The start of a Period, or some seconds after it."""
    return lambda first, _: f"{prefix}{second_text(first + offset_seconds)}"


def period_end_value(prefix: str, offset_seconds: int = 0) -> Callable[[int, int], str]:
    """The end of a Period, or some seconds after it."""
    return lambda _, last: f"{prefix}{second_text(last + offset_seconds)}"


def period_middle_value(prefix: str) -> Callable[[int, int], str]:
    """The middle of a Period."""
    return lambda first, last: f"{prefix}{second_text((first + last) // 2)}"


def any_of_values(*formatters: Callable[[int, int], str]) -> Callable[[int, int], str]:
    """A comma list."""
    return lambda first, last: ",".join(each(first, last) for each in formatters)


def _record_request(resource_type: str, record_id: str, pairs: Pairs) -> ProbeRequest | None:
    return ProbeRequest(resource_type, (("_id", record_id), *pairs), record_id) if pairs else None


def _is_declared(evidence: Evidence, resource_type: str) -> bool:
    return any(each.get("type") == resource_type for each in evidence.declared_resources)
