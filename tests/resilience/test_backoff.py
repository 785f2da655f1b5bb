"""Backoff and remaining wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import fhir_request

from gateway.resilience.backoff import max_wait, remaining_wait
from gateway.resilience.circuit import Circuit, circuit_after_failure
from tests.resilience.test_circuit import BACKOFF, OFFLINE


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_is_at_most_half_of_the_backoff(number: int, jitter: float) -> None:
    circuit = circuit_after_failure(Circuit(number, number, 0, 0, "x"), OFFLINE, 1, 1, BACKOFF, jitter=jitter)
    backoff = BACKOFF.wait_seconds(number + 1)
    assert backoff / 2 <= circuit.open_until - 1 <= backoff <= 300


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("", 10),
        ("wait=3", 3),
        ("respond-async, wait=3", 3),
        ("handling=strict; Wait=4", 4),
        ("wait=600", 10),
        ("await=1", 10),
        ("wait=x", 10),
    ],
)
def test_client_may_shorten_the_maximum_wait(prefer: str, seconds: float) -> None:
    assert max_wait(fhir_request(headers=(("prefer", prefer),)), 10) == seconds


def test_deadline_limits_the_remaining_wait() -> None:
    request = fhir_request("Patient/1", headers=(("prefer", "wait=3"),), deadline=103.0)
    assert remaining_wait(request, 10, 102.0) == 1
    assert remaining_wait(request.replace(path="Patient/2"), 10, 104.0) == -1
