"""Learned rate and slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.learned_rate import LearnedRate, effective_rate, rate_after_refusal, slot_at


def test_learned_rate_rises_each_minute_up_to_the_ceiling() -> None:
    learned_rate = LearnedRate(10, lowered_at=1_000)
    rates = [effective_rate(learned_rate, 11, 1_000 + seconds) for seconds in (0, 59, 60, 600)]
    assert rates == [10, 10, 10.5, 11]
    assert effective_rate(None, None, 0) is None
    assert effective_rate(None, 5, 0) == 5


def test_concurrent_429s_lower_the_rate_once() -> None:
    first = rate_after_refusal(None, 40, 99.5, 100, 3)
    assert first == LearnedRate(28, 100, 103)
    assert rate_after_refusal(first, 40, 99.9, 101, 5) == LearnedRate(28, 100, 106)
    later = rate_after_refusal(first, 40, 104, 105, 1)
    assert (round(later.rate, 2), later.lowered_at) == (19.6, 105)


def test_lowered_rate_has_a_minimum() -> None:
    assert rate_after_refusal(LearnedRate(0.2, 0, 0), 1, 1, 1, 1).rate == 0.2


@given(st.floats(0.1, 5_000), st.floats(0, 10**9))
def test_slots_of_one_second_permit_less_than_the_rate(per_second: float, start: float) -> None:
    slot = slot_at(start, per_second)
    if slot.max_requests == 1:
        assert 1 / slot.min_interval == pytest.approx(per_second * 0.9)
    else:
        length = slot_at(slot.ends_at + 1e-7, per_second).ends_at - slot.ends_at
        assert (1 / length + 1) * slot.max_requests < per_second + 1


def test_next_slot_begins_where_a_slot_ends() -> None:
    first = slot_at(12.0, 20)
    second = slot_at(first.ends_at + 1e-9, 20)
    assert (second.number, first.max_requests) == (first.number + 1, 1)
