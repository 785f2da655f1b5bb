"""Matches that contradict the date conditions sent: a criterion was ignored, or a clock is wrong."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from msgspec.structs import replace

from gateway.dates.bounds import epoch_seconds
from gateway.dates.matcher import DatePredicate, has_readable_value, meets_predicate
from gateway.dates.plan import DatePlan
from gateway.dates.timezones import offset_at, utc_low
from gateway.dates.value import DateValue, parse_date_value
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.raw_json import decode_resource
from gateway.fhir.search_params import SearchParams
from gateway.search.match_sample import sample_matches

_HALF_YEAR = timedelta(days=182)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A date criterion that matches contradict; `is_shifted`: all by one offset of the site's zone."""

    name: str
    is_shifted: bool


def find_contradiction(
    request: FhirRequest, sent_search: SearchParams, bundle: Bundle
) -> Contradiction | None:
    """Return the first contradiction between the matches of a page and the conditions sent for it.

    A plan whose clock is not known cannot be contradicted: its conditions are wide enough for every clock.
    """
    sent = [
        (plan, predicate)
        for plan in request.plan.date_plans
        if (predicate := _sent_predicate(request, plan, sent_search))
    ]
    if not sent or request.site is None:
        return None
    zone = request.site.zone
    checked = [entry.resource for entry in sample_matches(bundle)]
    resources = [decode_resource(resource) for resource in checked if resource is not None]
    for plan, predicate in sent:
        shown = [resource for resource in resources if has_readable_value(predicate, resource)]
        if not _all_meet(predicate, shown, zone):
            has_clock = predicate.parameter.kind != "date"
            shifts = _plausible_shifts(zone, request.received_at) if has_clock else ()
            is_shifted = any(_all_meet(_shift_conditions(predicate, shift), shown, zone) for shift in shifts)
            return Contradiction(plan.name, is_shifted)
    return None


def require_shown_dates(
    plans: Iterable[DatePlan], sent_search: SearchParams, matches: Sequence[Entry]
) -> None:
    """Raise Failure if the gateway must check a date that no match contains, though it was searched for."""
    for plan in plans:
        predicate = plan.filter_predicate
        if predicate and sent_search.values(plan.name) and matches and not _any_shows(predicate, matches):
            raise Failure(catalog.DATES_NOT_SHOWN, expression=f"http.{plan.name}")


def _any_shows(predicate: DatePredicate, matches: Sequence[Entry]) -> bool:
    return any(
        entry.resource is None or has_readable_value(predicate, decode_resource(entry.resource))
        for entry in matches
    )


def _sent_predicate(request: FhirRequest, plan: DatePlan, sent_search: SearchParams) -> DatePredicate | None:
    """Conditions sent for a plan, as instants or on the site's clock; None if nothing can contradict them."""
    values, clock = sent_search.values(plan.name), plan.clock
    if plan.predicate is None or not values or clock is None or not clock.is_known or request.site is None:
        return None
    if clock.labels == "digits" and not plan.exact:
        return None  # a repeated hour looks shifted
    zone = clock.zones[0]
    repeats = tuple(
        tuple(_on_known_axis(parse_date_value(text), zone, request.site.zone) for text in value.split(","))
        for value in values
    )
    return DatePredicate(plan.predicate.parameter, repeats)


def _on_known_axis(value: DateValue, column_zone: tzinfo, site_zone: tzinfo) -> DateValue:
    if column_zone == site_zone:
        return value
    start, end = utc_low(column_zone, value.start), utc_low(column_zone, value.end)
    return replace(value, start=start, end=end, on_utc_axis=True)


def _all_meet(predicate: DatePredicate, resources: Iterable[dict[str, Any]], zone: tzinfo) -> bool:
    return all(meets_predicate(predicate, resource, zone) for resource in resources)


def _shift_conditions(predicate: DatePredicate, seconds: int) -> DatePredicate:
    repeats = tuple(
        tuple(replace(value, start=value.start + seconds, end=value.end + seconds) for value in repeat)
        for repeat in predicate.repeats
    )
    return replace(predicate, repeats=repeats)


def _plausible_shifts(zone: tzinfo, now: datetime) -> Iterator[int]:
    """Yield the shifts in seconds that a wrong clock, wrong labels, or both make."""
    moments = (now.astimezone(UTC), now.astimezone(UTC) - _HALF_YEAR)
    offsets = [offset_at(zone, epoch_seconds(moment)) for moment in moments]
    sizes = {offsets[0], offsets[1], 2 * offsets[0], 2 * offsets[1], offsets[0] - offsets[1]} - {0}
    yield from sorted({*sizes, *(-size for size in sizes)})
