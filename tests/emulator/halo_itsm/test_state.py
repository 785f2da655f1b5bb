import pytest

from gateway.emulator.halo_itsm.errors import ItsmRefusal
from gateway.emulator.halo_itsm.settings import HaloItsmSettings, RateWindow
from gateway.emulator.halo_itsm.state import ItsmState


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def refused_status(state: ItsmState) -> int:
    """Status of a refusal of the next request; 0 if it is admitted."""
    try:
        state.count_request("client")
    except ItsmRefusal as refusal:
        return refusal.error.status
    return 0


def test_token_expires() -> None:
    clock = Clock()
    state = ItsmState(HaloItsmSettings(token_seconds=10), clock)
    token = state.issue_token("client", frozenset({"all"}))
    clock.seconds += 9.9
    assert state.require_grant(f"bearer {token}").client_id == "client"
    clock.seconds += 0.1
    with pytest.raises(ItsmRefusal):
        state.require_grant(f"Bearer {token}")


def test_oldest_token_is_forgotten_first() -> None:
    state = ItsmState(HaloItsmSettings(), Clock())
    tokens = [state.issue_token("client", frozenset()) for _ in range(1_001)]
    assert len(state.tokens) == 1_000
    with pytest.raises(ItsmRefusal):
        state.require_grant(f"Bearer {tokens[0]}")
    assert state.require_grant(f"Bearer {tokens[1]}")


def test_window_rolls() -> None:
    clock = Clock()
    window = RateWindow(requests=2, seconds=10)
    state = ItsmState(HaloItsmSettings(rate_windows=(window,)), clock)
    assert [refused_status(state), refused_status(state)] == [0, 0]
    clock.seconds += 9
    assert refused_status(state) == 429
    clock.seconds += 1
    assert [refused_status(state) for _ in range(3)] == [0, 0, 429]


def test_fair_use_is_enforced_beside_the_rate() -> None:
    clock = Clock()
    windows = (RateWindow(requests=5, seconds=50), RateWindow(requests=2, seconds=10))
    state = ItsmState(HaloItsmSettings(rate_windows=windows), clock)
    assert [refused_status(state) for _ in range(3)] == [0, 0, 429]
    clock.seconds += 10
    assert [refused_status(state) for _ in range(3)] == [0, 0, 429]
    clock.seconds += 10
    assert [refused_status(state) for _ in range(2)] == [0, 429]


def test_no_window_admits_everything() -> None:
    state = ItsmState(HaloItsmSettings(rate_windows=()), Clock())
    assert {refused_status(state) for _ in range(50)} == {0}
