import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import fhir_request

from gateway.exchange import WaitClock
from gateway.resilience.backoff import max_wait, remaining_wait
from gateway.resilience.circuit import (
    Circuit,
    circuit_after_failure,
)
from tests.resilience.test_circuit import DOUBLING, OFFLINE


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_is_between_half_and_whole_of_the_pause(number: int, chance: float) -> None:
    rest = circuit_after_failure(Circuit(number, number, 0, 0, "x"), OFFLINE, 1, 1, DOUBLING, jitter=chance)
    whole = DOUBLING.wait_seconds(number + 1)
    assert whole / 2 <= rest.open_until - 1 <= whole <= 300


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
def test_a_client_may_be_less_patient_than_the_gateway(prefer: str, seconds: float) -> None:
    assert max_wait(fhir_request(headers=(("prefer", prefer),)), 10) == seconds


def test_what_a_client_has_waited_is_gone_from_its_patience() -> None:
    request = fhir_request("Patient/1", headers=(("prefer", "wait=3"),), wait_clock=WaitClock(100.0))
    assert remaining_wait(request, 10, 102.0) == 1
    assert remaining_wait(request.replace(path="Patient/2"), 10, 104.0) == -1
