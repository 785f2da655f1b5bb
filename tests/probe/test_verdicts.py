from probe.probing import known

from gateway.probe.verdicts import can_repeat_parameters, clock_of, has_ignored_dates


def test_a_record_before_and_after_itself_means_that_conditions_are_dropped() -> None:
    assert has_ignored_dates(known({"before": "yes", "after": "yes"}))
    assert not has_ignored_dates(known({"before": "yes", "after": "no"}))


def test_contradicting_repeats_must_find_nothing() -> None:
    assert can_repeat_parameters(known({"repeats": "no"}))
    assert not can_repeat_parameters(known({"repeats": "yes"}))
    assert not can_repeat_parameters(known())


def test_a_clock_is_unknown_until_it_was_shown() -> None:
    assert clock_of(known(), "Observation", "date") is None
