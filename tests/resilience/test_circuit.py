"""Circuit: states and transitions."""

from dataclasses import replace

import pytest
from support.requests import fhir_request, json_response, sql_request

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirResponse
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import (
    CLOSED,
    FAILURES_TO_OPEN,
    OUTAGES,
    Circuit,
    breaker_reason,
    circuit_after_failure,
    circuit_after_response,
    practice_responded,
    shows_an_outage,
    upstream_retry_after,
)
from gateway.upstreams import failures as shared
from gateway.upstreams import halo_failures, halo_sql
from gateway.web.error_codes import all_kinds

BACKOFF = ExponentialBackoff(10, 300)
OFFLINE = Failure(halo_failures.OFFLINE)
RESET = Failure(catalog.UPSTREAM_RESET)
BAD_REQUEST = Failure(shared.BAD_REQUEST, upstream_response=FhirResponse(400))


def circuits_after(failures: list[Failure], step: float = 1_000.0) -> list[Circuit]:
    """Circuits after consecutive failures, `step` seconds apart and without jitter."""
    circuit, circuits = CLOSED, []
    for number, failure in enumerate(failures):
        now = 1_000 + number * step
        circuit = circuit_after_failure(circuit, failure, now, now, BACKOFF, jitter=1)
        circuits.append(circuit)
    return circuits


def test_consecutive_failures_double_the_open_time_up_to_the_maximum() -> None:
    circuits = circuits_after([OFFLINE] * 7)
    open_times = [circuit.seconds_until_half_open(circuit.last_failure_at) for circuit in circuits]
    assert open_times == [10, 20, 40, 80, 160, 300, 300]


def test_connection_loss_opens_the_circuit_after_several_failures() -> None:
    circuits = circuits_after([RESET] * 4)
    states = [circuit.state(circuit.last_failure_at) for circuit in circuits]
    assert states == ["closed", "closed", "open", "open"]
    assert [circuit.times_opened for circuit in circuits] == [0, 0, 1, 2]


def test_open_circuit_becomes_half_open_and_a_response_closes_it() -> None:
    (circuit,) = circuits_after([OFFLINE])
    states = [circuit.state(1_000), circuit.state(1_009.9), circuit.state(1_010)]
    assert states == ["open", "open", "half-open"]
    assert circuit_after_response(circuit, 1_010) is CLOSED


def test_request_sent_before_the_failure_does_not_change_the_circuit() -> None:
    (circuit,) = circuits_after([OFFLINE])
    assert circuit_after_failure(circuit, OFFLINE, 999, 1_002, BACKOFF, jitter=0) is circuit
    assert circuit_after_response(circuit, 999) is circuit


def test_error_of_a_working_practice_does_not_count() -> None:
    assert circuit_after_failure(CLOSED, BAD_REQUEST, 1, 2, BACKOFF, jitter=0) is CLOSED
    assert practice_responded(BAD_REQUEST)
    assert not practice_responded(Failure(shared.CREDENTIALS_INVALID, upstream_response=FhirResponse(401)))
    assert not practice_responded(OFFLINE)


def of_clients_sql(kind: FailureKind, *codes: str) -> Failure:
    codings = tuple((ERROR_CODE_SYSTEM, code) for code in codes)
    return Failure(kind, codings=codings, upstream_response=FhirResponse(400), by_clients_sql=True)


@pytest.mark.parametrize(
    ("failure", "responded"),
    [
        (of_clients_sql(halo_failures.DATABASE_BUSY), False),
        (of_clients_sql(halo_failures.QUERY_TIMEOUT), False),
        (of_clients_sql(halo_sql.QUERY_BROKEN_OFF), False),
        (of_clients_sql(catalog.WRITE_OUTCOME_UNKNOWN, "practice-database-busy"), False),
        (of_clients_sql(catalog.WRITE_OUTCOME_UNKNOWN, "sql-refused"), False),
        (of_clients_sql(halo_sql.QUERY_REFUSED), True),
        (of_clients_sql(halo_sql.VALUE_REFUSED), True),
    ],
)
def test_error_of_a_clients_sql_opens_nothing(failure: Failure, responded: bool) -> None:
    """One that broke the SQL off closes nothing either: the database may be down."""
    assert circuit_after_failure(CLOSED, failure, 1, 2, BACKOFF, jitter=0, opens_at_once=True) is CLOSED
    assert practice_responded(failure) is responded


@pytest.mark.parametrize("code", sorted(FAILURES_TO_OPEN))
def test_only_an_outage_of_sql_is_evidence_for_all(code: str) -> None:
    failure = Failure(replace(halo_failures.OFFLINE, code=code))
    assert shows_an_outage(fhir_request("Patient/1"), failure)
    assert shows_an_outage(sql_request(), failure) is (code in OUTAGES)


def test_retry_after_of_the_upstream_is_the_minimum_open_time() -> None:
    failure = Failure(
        halo_failures.OFFLINE, retry_after=77, upstream_response=json_response({}, 504, retry_after="77")
    )
    assert circuit_after_failure(CLOSED, failure, 0, 0, BACKOFF, jitter=0).open_until == 77
    assert upstream_retry_after(failure) == 77
    assert upstream_retry_after(OFFLINE) is None


def test_long_wait_opens_no_longer_than_the_maximum() -> None:
    failure = Failure(
        halo_failures.OFFLINE,
        retry_after=86_400,
        upstream_response=json_response({}, 504, retry_after="86400"),
    )
    assert circuit_after_failure(CLOSED, failure, 0, 0, BACKOFF, jitter=0).open_until == BACKOFF.max_seconds


def test_write_with_unknown_outcome_counts_by_its_cause() -> None:
    unknown = Failure(
        catalog.WRITE_OUTCOME_UNKNOWN, codings=((ERROR_CODE_SYSTEM, catalog.UPSTREAM_RESET.code),)
    )
    assert breaker_reason(unknown) == "upstream-reset"
    assert breaker_reason(Failure(catalog.WRITE_OUTCOME_UNKNOWN)) == ""


@pytest.mark.parametrize(
    "kind",
    [catalog.PROXY_REFUSED, catalog.PROXY_UNAVAILABLE, catalog.UPSTREAM_CERTIFICATE],
    ids=lambda kind: kind.code,
)
def test_problem_of_the_gateway_does_not_count(kind: FailureKind) -> None:
    assert breaker_reason(Failure(kind)) == ""


@pytest.mark.parametrize("code", sorted(FAILURES_TO_OPEN))
def test_every_reason_is_an_existing_server_error(code: str) -> None:
    statuses = {kind.status for kind in all_kinds() if kind.code == code}
    assert statuses
    assert min(statuses) >= 500
