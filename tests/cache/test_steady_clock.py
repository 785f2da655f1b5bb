"""Clock that never goes back."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.requests import NOW

from gateway.cache.steady_clock import SteadyClock


class Clocks:
    """A clock that can be set, and a monotonic one."""

    def __init__(self) -> None:
        self.offset, self.tick = 0.0, 0.0
        self.steady = SteadyClock(lambda: NOW + timedelta(seconds=self.tick + self.offset), lambda: self.tick)

    def seconds(self) -> float:
        return (self.steady() - NOW).total_seconds()


def test_clock_set_back_runs_on() -> None:
    clocks = Clocks()
    clocks.tick = 10
    assert clocks.seconds() == 10
    clocks.offset = -3_600
    clocks.tick = 15
    assert clocks.seconds() == 15


def test_clock_set_forward_is_followed_and_kept() -> None:
    clocks = Clocks()
    clocks.offset = 3_600
    assert clocks.seconds() == 3_600
    clocks.offset, clocks.tick = 0, 1
    assert clocks.seconds() == 3_601


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(-10_000, 10_000))))
def test_time_passes_at_least_as_fast_as_monotonic_clock(steps: list[tuple[int, int]]) -> None:
    clocks = Clocks()
    for seconds, offset in steps:
        before = clocks.seconds()
        clocks.tick += seconds
        clocks.offset = offset
        assert clocks.seconds() >= before + seconds
