"""Builders of the requests of a probe, from the evidence so far; None if there is no request to send."""

from collections.abc import Callable
from itertools import chain
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
    """Return the request for the CapabilityStatement, which Halo does not bill."""
    return ProbeRequest("metadata")


def sample_page(resource_type: str, extra_pairs: Pairs) -> RequestBuilder:
    """Return a builder of a page of a type, with additional parameters."""
    return lambda _: ProbeRequest(resource_type, (*extra_pairs, ("_count", _SAMPLE_SIZE)))


def plain_page(resource_type: str) -> RequestBuilder:
    """Return a builder of a page of a type without additional parameters, if these gave no records."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        sample = evidence.responses.get(f"{resource_type}.sample")
        is_needed = sample is not None and not sample.resources
        return ProbeRequest(resource_type, (("_count", _SAMPLE_SIZE),)) if is_needed else None

    return build_request


def small_page(resource_type: str) -> RequestBuilder:
    """Return a builder of a small page of a type that the site declares, if clocks can be measured."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        is_useful = (
            _is_declared(evidence, resource_type)
            and can_repeat_parameters(evidence)
            and not has_ignored_dates(evidence)
        )
        return ProbeRequest(resource_type, (("_count", _SMALL_SAMPLE_SIZE),)) if is_useful else None

    return build_request


def point_conditions(*formatters: Callable[[int], str]) -> RequestBuilder:
    """Return a builder of conditions on the second in a sampled record, on the clock of its column."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = point_record(evidence)
        if record is None or has_ignored_dates(evidence):
            return None
        second = record.moment.seconds_on(clock_of(evidence, record.resource_type, "date") or "site")
        pairs = tuple(("date", formatter(second)) for formatter in formatters)
        return _record_request(record.resource_type, record.id, pairs)

    return build_request


def all_column_clocks(resource_type: str) -> RequestBuilder:
    """Return a builder of conditions on all dates of a record, each on its most likely clock."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = dated_record(evidence, resource_type)
        if record is None or not can_repeat_parameters(evidence) or has_ignored_dates(evidence):
            return None
        values = {code: next_untried_second(evidence, record, code) for code in record.candidate_seconds}
        conditions = (
            record.second_conditions(code, value) for code, value in values.items() if value is not None
        )
        return _record_request(resource_type, record.id, tuple(chain.from_iterable(conditions)))

    return build_request


def single_column_clock(resource_type: str, code: str) -> RequestBuilder:
    """Return a builder of conditions on one date of a record, in its most likely untried reading."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = dated_record(evidence, resource_type)
        is_needed = evidence.verdict(f"{resource_type}.clocks") not in {"yes", "unasked"}
        if record is None or not is_needed or has_ignored_dates(evidence):
            return None
        value = next_untried_second(evidence, record, code)
        pairs = () if value is None else record.second_conditions(code, value)
        return _record_request(resource_type, record.id, pairs)

    return build_request


def values_ahead_of_utc(resource_type: str) -> RequestBuilder:
    """Return a builder of a search for digits that UTC has not reached, which are the site's time.

    It applies to a column that contains the digits shown.
    """

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        samples = sampled_last_updated(evidence, resource_type)
        is_decided = any(is_in_future(evidence, last_updated) for last_updated in samples)
        reading = confirmed_reading(evidence, resource_type, LAST_UPDATED)
        if is_decided or has_ignored_dates(evidence) or reading != "as-shown":
            return None
        soon = second_text(int(epoch_seconds(evidence.now)) + MAX_CLOCK_SKEW)
        return ProbeRequest(resource_type, ((LAST_UPDATED, f"ge{soon}"), ("_count", "1")))

    return build_request


def period_conditions(is_needed: EvidencePredicate, *formatters: Callable[[int, int], str]) -> RequestBuilder:
    """Return a builder of conditions on the Period of a sampled Encounter, on the clock of its column."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record, clock = longest_period(evidence), clock_of(evidence, *PERIOD_PARAMETER)
        if record is None or clock is None or has_ignored_dates(evidence) or not is_needed(evidence):
            return None
        start, end = record.start.seconds_on(clock), record.end.seconds_on(clock)
        resource_type, code = PERIOD_PARAMETER
        return _record_request(
            resource_type, record.id, tuple((code, formatter(start, end)) for formatter in formatters)
        )

    return build_request


def partial_date_conditions(*formatters: Callable[[int], str]) -> RequestBuilder:
    """Return a builder of conditions on the first second of an onset of a year or month without day."""

    def build_request(evidence: Evidence) -> ProbeRequest | None:
        record = partial_date_record(evidence)
        if record is None or has_ignored_dates(evidence) or not can_repeat_parameters(evidence):
            return None
        (record_id, second), (resource_type, code) = record, PARTIAL_DATE_PARAMETER
        pairs = tuple((code, formatter(second)) for formatter in formatters)
        return _record_request(resource_type, record_id, pairs)

    return build_request


def only_if(is_needed: EvidencePredicate, build_request: RequestBuilder) -> RequestBuilder:
    """Return a builder that builds the request only if it is needed."""
    return lambda evidence: build_request(evidence) if is_needed(evidence) else None


def fixed_value(text: str) -> Callable[[int], str]:
    """Return a formatter of a constant value."""
    return lambda _: text


def second_value(prefix: str, offset_seconds: int = 0) -> Callable[[int], str]:
    """Return a formatter of a second plus an offset."""
    return lambda second: f"{prefix}{second_text(second + offset_seconds)}"


def day_value(prefix: str) -> Callable[[int], str]:
    """Return a formatter of the day of a second."""
    return lambda second: f"{prefix}{day_text(second // DAY * DAY)}"


def period_start_value(prefix: str, offset_seconds: int = 0) -> Callable[[int, int], str]:
    """Return a formatter of the start of a Period plus an offset."""
    return lambda first, _: f"{prefix}{second_text(first + offset_seconds)}"


def period_end_value(prefix: str, offset_seconds: int = 0) -> Callable[[int, int], str]:
    """Return a formatter of the end of a Period plus an offset."""
    return lambda _, last: f"{prefix}{second_text(last + offset_seconds)}"


def period_middle_value(prefix: str) -> Callable[[int, int], str]:
    """Return a formatter of the middle of a Period."""
    return lambda first, last: f"{prefix}{second_text((first + last) // 2)}"


def any_of_values(*formatters: Callable[[int, int], str]) -> Callable[[int, int], str]:
    """Return a formatter of a comma-separated list."""
    return lambda first, last: ",".join(formatter(first, last) for formatter in formatters)


def _record_request(resource_type: str, record_id: str, pairs: Pairs) -> ProbeRequest | None:
    return ProbeRequest(resource_type, (("_id", record_id), *pairs), record_id) if pairs else None


def _is_declared(evidence: Evidence, resource_type: str) -> bool:
    return any(resource.get("type") == resource_type for resource in evidence.declared_resources)
