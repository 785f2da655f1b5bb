"""Attempts to forward a webhook."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.delivery import Delivery
from gateway.webhooks.forward_policy import MAX_ATTEMPTS, own_signature, verdict_of, wait_seconds

DELIVERY = Delivery(b"{}", ())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, "delivered") for status in (200, 201, 202, 204, 299)),
        *((status, "refused") for status in (301, 302, 307, 400, 401, 403, 404, 410, 422)),
        *((status, "repeat") for status in (None, 408, 429, 500, 502, 503, 504, 599)),
    ],
)
def test_status_decides_on_a_repetition(status: int | None, verdict: str) -> None:
    assert verdict_of(status) == verdict


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wait_doubles_up_to_a_minute(attempt: int, chance: float) -> None:
    longest = min(60, 2.0 ** min(attempt - 1, 20))
    assert longest / 2 <= wait_seconds(attempt, chance) <= longest


def test_all_attempts_take_a_few_minutes() -> None:
    assert MAX_ATTEMPTS == 10
    assert 120 < sum(wait_seconds(attempt, 0.5) for attempt in range(1, MAX_ATTEMPTS)) < 300


def test_own_signature_is_of_the_time_of_the_attempt() -> None:
    fields = dict(own_signature("synthetic secret", DELIVERY, 1_782_000_000.9))
    expected = hmac.new(b"synthetic secret", b"{}.1782000000", "sha256").hexdigest()
    assert fields == {"gateway-timestamp": "1782000000", "gateway-signature-256": expected}
    assert own_signature("", DELIVERY, 1_782_000_000.9) == ()
