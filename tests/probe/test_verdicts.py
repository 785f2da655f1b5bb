"""Conclusions for other questions."""

from probe.probing import evidence_with

from gateway.probe.verdicts import can_repeat_parameters, clock_of, has_ignored_dates


def test_record_before_and_after_itself_means_ignored_dates() -> None:
    assert has_ignored_dates(evidence_with({"before": "yes", "after": "yes"}))
    assert not has_ignored_dates(evidence_with({"before": "yes", "after": "no"}))


def test_contradictory_repeats_without_match_are_supported() -> None:
    assert can_repeat_parameters(evidence_with({"repeats": "no"}))
    assert not can_repeat_parameters(evidence_with({"repeats": "yes"}))
    assert not can_repeat_parameters(evidence_with())


def test_clock_without_a_response_is_unknown() -> None:
    assert clock_of(evidence_with(), "Observation", "date") is None
