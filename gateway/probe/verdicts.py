"""The answers on which other questions depend."""

from gateway.probe.clocks import Clock, matched
from gateway.probe.evidence import Known


def dropped(known: Known) -> bool:
    """Whether a record was found both before and after itself: date conditions are not applied."""
    return (known.verdict("before"), known.verdict("after")) == ("yes", "yes")


def joins(known: Known) -> bool:
    """Whether a parameter given twice means both, so that two conditions can select one second."""
    return known.verdict("repeats") == "no"


def clock_of(known: Known, kind: str, code: str) -> Clock | None:
    """The clock of a date column (not of `_lastUpdated`); None until an answer has shown it."""
    reading = matched(known, kind, code)
    return "utc" if reading == "utc" else "site" if reading else None
