"""Parts of the end of a server."""

import pytest

from gateway.server.shutdown_schedule import ShutdownSchedule


def begun_schedule(delay: float) -> ShutdownSchedule:
    schedule = ShutdownSchedule(delay)
    schedule.note_signal(100.0)
    return schedule


def test_nothing_begins_without_a_signal() -> None:
    schedule = ShutdownSchedule(0)
    assert not schedule.has_begun
    assert not schedule.ends_connections(1e9)
    assert not schedule.is_delay_over(1e9)


@pytest.mark.parametrize(
    ("delay", "ends_connections_at", "over_at"),
    [(0, 100.0, 100.0), (4, 102.0, 104.0), (10, 105.0, 110.0), (60, 155.0, 160.0)],
)
def test_last_part_of_the_delay_ends_connections(
    delay: float, ends_connections_at: float, over_at: float
) -> None:
    schedule = begun_schedule(delay)
    assert schedule.has_begun
    assert not schedule.ends_connections(ends_connections_at - 0.01)
    assert schedule.ends_connections(ends_connections_at)
    assert not schedule.is_delay_over(over_at - 0.01)
    assert schedule.is_delay_over(over_at)


def test_terminal_skips_the_delay_but_not_the_requests() -> None:
    schedule = begun_schedule(60)
    schedule.skip_delay(100.0)
    assert schedule.ends_connections(100.0)
    assert schedule.is_delay_over(100.0)
    assert not schedule.is_cut_short


def test_end_without_signal_begins_at_once() -> None:
    schedule = ShutdownSchedule(60)
    schedule.skip_delay(100.0)
    assert schedule.has_begun
    assert schedule.is_delay_over(100.0)


@pytest.mark.parametrize(("seconds", "is_cut_short"), [(0.0, False), (1.0, False), (1.1, True), (50.0, True)])
def test_second_signal_after_a_second_cuts_it_short(seconds: float, *, is_cut_short: bool) -> None:
    schedule = begun_schedule(60)
    schedule.note_signal(100.0 + seconds)
    assert schedule.is_cut_short is is_cut_short
    assert schedule.is_delay_over(100.0 + seconds) is is_cut_short
