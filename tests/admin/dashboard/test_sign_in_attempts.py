"""Limit on attempts to sign in."""

from gateway.admin.dashboard.sign_in_attempts import MAX_ATTEMPTS, WINDOW_SECONDS, SignInAttempts


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_address_waits_after_too_many_attempts() -> None:
    clock = Clock()
    attempts = SignInAttempts(clock)
    for _ in range(MAX_ATTEMPTS):
        assert attempts.seconds_to_wait("192.0.2.1") == 0
        attempts.add("192.0.2.1")
    assert attempts.seconds_to_wait("192.0.2.1") == WINDOW_SECONDS
    assert attempts.seconds_to_wait("192.0.2.2") == 0
    clock.now += WINDOW_SECONDS - 0.5
    assert attempts.seconds_to_wait("192.0.2.1") == 1
    clock.now += 1
    assert attempts.seconds_to_wait("192.0.2.1") == 0


def test_slow_attempts_do_not_prolong_the_window() -> None:
    clock = Clock()
    attempts = SignInAttempts(clock)
    for _ in range(3 * MAX_ATTEMPTS):
        assert attempts.seconds_to_wait("192.0.2.1") == 0
        attempts.add("192.0.2.1")
        clock.now += WINDOW_SECONDS / (MAX_ATTEMPTS - 1)


def test_number_of_addresses_is_bounded() -> None:
    attempts = SignInAttempts(Clock())
    for number in range(10_001):
        attempts.add(str(number))
    assert len(attempts._attempts) == 10_000
