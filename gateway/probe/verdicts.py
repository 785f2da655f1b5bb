"""The answers on which other questions depend."""

from gateway.probe.clocks import Clock, confirmed_reading
from gateway.probe.evidence import Evidence


def has_ignored_dates(evidence: Evidence) -> bool:
    """Whether a record was found both before and after itself: date conditions are not applied."""
    return (evidence.verdict("before"), evidence.verdict("after")) == ("yes", "yes")


def can_repeat_parameters(evidence: Evidence) -> bool:
    """Whether a parameter given twice means both, so that two conditions can select one second."""
    return evidence.verdict("repeats") == "no"


def clock_of(evidence: Evidence, resource_type: str, code: str) -> Clock | None:
    """The clock of a date column (not of `_lastUpdated`); None until an answer has shown it."""
    reading = confirmed_reading(evidence, resource_type, code)
    return "utc" if reading == "utc" else "site" if reading else None
