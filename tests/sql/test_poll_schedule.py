"""Schedule of held polls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.poll_schedule import held_seconds, is_pending, next_poll


@pytest.mark.parametrize(
    ("preferred", "seconds"), [(None, 0), (0, 0), (1, 1), (30, 30), (31, 30), (10**9, 30)]
)
def test_hold_lasts_at_most_thirty_seconds(preferred: int | None, seconds: int) -> None:
    assert held_seconds(preferred) == seconds


@pytest.mark.parametrize("state", ["initialising", "queued", "executing", "uploading"])
def test_state_that_is_not_final_is_pending(state: str) -> None:
    assert is_pending(b'{"id": "x", "status": "%s"}' % state.encode())


@pytest.mark.parametrize(
    "body",
    [
        *(
            b'{"status": "%s"}' % state
            for state in (
                *(b"successful", b"executionFailed", b"expiredInQueue", b"uploadFailed"),
                *(b"initialisationFailedCacheError", b"initialisationFailedSiteOffline", b"a new one", b""),
            )
        ),
        *(
            b"",
            b"{}",
            b"[]",
            b"null",
            b'"queued"',
            b'{"status": 1}',
            b'{"status": null}',
            b'{"status": "\xff"}',
        ),
        b'{"error": {"status": "queued"}}',
        b"[" * 100_000,
        b'{"x": ' + b"[" * 100_000,
        b'{"status": "queued", "x": "' + b"x" * 1_000_000 + b'"}',
    ],
    ids=lambda body: str(body[:60]),
)
def test_final_unknown_or_unreadable_state_is_not_pending(body: bytes) -> None:
    assert not is_pending(body)


@given(st.integers(1, 1_000), st.floats(0, 30), st.floats(0, 1))
def test_poll_is_within_the_hold_and_five_seconds(polls: int, remaining: float, chance: float) -> None:
    wait = next_poll(polls, remaining, chance)
    if wait is None:
        assert remaining < 0.6
    else:
        assert wait <= 5
        assert wait > 0.2 or wait == remaining - 0.5 >= 0.1
        assert wait <= remaining - 0.5


@given(st.lists(st.floats(0, 1), min_size=100, max_size=100))
def test_hold_of_thirty_seconds_takes_few_polls(chances: list[float]) -> None:
    remaining, polls = 30.0, 1
    while (wait := next_poll(polls, remaining, chances[polls])) is not None:
        remaining, polls = remaining - wait, polls + 1
    assert 9 <= polls <= 13
    assert remaining == pytest.approx(0.5, abs=0.11)


def test_waits_double_up_to_five_seconds() -> None:
    waits = [next_poll(polls, 1_000, 1) for polls in range(1, 8)]
    assert waits == pytest.approx([0.35, 0.7, 1.4, 2.8, 5, 5, 5])
    halves = [next_poll(polls, 1_000, 0) for polls in range(1, 8)]
    assert halves == pytest.approx([0.7 * (wait or 0) for wait in waits])
