from probe.probing import known

from gateway.probe.verdicts import clock_of, dropped, joins


def test_a_record_before_and_after_itself_means_that_conditions_are_dropped() -> None:
    assert dropped(known({"before": "yes", "after": "yes"}))
    assert not dropped(known({"before": "yes", "after": "no"}))


def test_contradicting_repeats_must_find_nothing() -> None:
    assert joins(known({"repeats": "no"}))
    assert not joins(known({"repeats": "yes"}))
    assert not joins(known())


def test_a_clock_is_unknown_until_it_was_shown() -> None:
    assert clock_of(known(), "Observation", "date") is None
