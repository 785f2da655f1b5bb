import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.learned_rate import LearnedRate, effective_rate, rate_after_refusal, slot_at


def test_a_learned_rate_rises_by_the_minute_up_to_the_ceiling() -> None:
    pace = LearnedRate(10, lowered_at=1_000)
    assert [effective_rate(pace, 11, 1_000 + each) for each in (0, 59, 60, 600)] == [10, 10, 10.5, 11]
    assert effective_rate(None, None, 0) is None
    assert effective_rate(None, 5, 0) == 5


def test_a_429_lowers_the_rate_once_for_all_that_were_under_way() -> None:
    first = rate_after_refusal(None, 40, 99.5, 100, 3)
    assert first == LearnedRate(28, 100, 103)
    assert rate_after_refusal(first, 40, 99.9, 101, 5) == LearnedRate(28, 100, 106)
    later = rate_after_refusal(first, 40, 104, 105, 1)
    assert (round(later.rate, 2), later.lowered_at) == (19.6, 105)


def test_the_rate_never_falls_to_nothing() -> None:
    pace = LearnedRate(0.2, 0, 0)
    assert rate_after_refusal(pace, 1, 1, 1, 1).rate == 0.2


@given(st.floats(0.1, 5_000), st.floats(0, 10**9))
def test_no_second_holds_more_than_the_rate(per_second: float, start: float) -> None:
    found = slot_at(start, per_second)
    if found.max_requests == 1:
        assert 1 / found.min_interval == pytest.approx(per_second * 0.9)
    else:
        length = slot_at(found.ends_at + 1e-7, per_second).ends_at - found.ends_at
        assert (1 / length + 1) * found.max_requests < per_second + 1


def test_slots_follow_each_other_without_a_gap() -> None:
    one = slot_at(12.0, 20)
    two = slot_at(one.ends_at + 1e-9, 20)
    assert (two.number, one.max_requests) == (one.number + 1, 1)
