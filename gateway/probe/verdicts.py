"""Conclusions on which other questions depend."""

from gateway.probe.clocks import Clock, confirmed_reading
from gateway.probe.evidence import Evidence


def has_ignored_dates(evidence: Evidence) -> bool:
    """Whether the site ignores date conditions: a record matched both before and after its own date."""
    return (evidence.verdict("before"), evidence.verdict("after")) == ("yes", "yes")


def can_repeat_parameters(evidence: Evidence) -> bool:
    """Whether both values of a repeated parameter must match, so that two conditions can select a second."""
    return evidence.verdict("repeats") == "no"


def clock_of(evidence: Evidence, resource_type: str, code: str) -> Clock | None:
    """Return the clock of a date column (not of `_lastUpdated`); None until a response has shown it."""
    reading = confirmed_reading(evidence, resource_type, code)
    return "utc" if reading == "utc" else "site" if reading else None
