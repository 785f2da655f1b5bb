import pytest
from support.requests import json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirResponse
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import (
    CLOSED,
    FAILURES_TO_OPEN,
    Circuit,
    breaker_reason,
    circuit_after_failure,
    circuit_after_response,
    practice_responded,
    upstream_retry_after,
)
from gateway.upstreams import failures as theirs
from gateway.upstreams import halo_failures
from gateway.web.error_codes import all_kinds

DOUBLING = ExponentialBackoff(10, 300)
OFFLINE = Failure(halo_failures.OFFLINE)
RESET = Failure(catalog.UPSTREAM_RESET)
BAD = Failure(theirs.BAD_REQUEST, upstream_response=FhirResponse(400))


def rested(failures: list[Failure], step: float = 1_000.0) -> list[Circuit]:
    """The rests after failures that came one after another, without jitter."""
    rest, found = CLOSED, []
    for number, failure in enumerate(failures):
        now = 1_000 + number * step
        rest = circuit_after_failure(rest, failure, now, now, DOUBLING, jitter=1)
        found.append(rest)
    return found


def test_each_failure_in_a_row_doubles_the_pause_up_to_the_cap() -> None:
    pauses = [rest.seconds_until_half_open(rest.last_failure_at) for rest in rested([OFFLINE] * 7)]
    assert pauses == [10, 20, 40, 80, 160, 300, 300]


def test_a_failure_that_may_be_chance_must_come_several_times_in_a_row() -> None:
    found = rested([RESET] * 4)
    assert [rest.state(rest.last_failure_at) for rest in found] == ["closed", "closed", "open", "open"]
    assert [rest.times_opened for rest in found] == [0, 0, 1, 2]


def test_a_site_is_resting_then_half_open_and_an_answer_makes_it_well() -> None:
    (rest,) = rested([OFFLINE])
    assert [rest.state(1_000), rest.state(1_009.9), rest.state(1_010)] == ["open", "open", "half-open"]
    assert circuit_after_response(rest, 1_010) is CLOSED


def test_requests_sent_before_the_failure_neither_count_again_nor_end_the_rest() -> None:
    (rest,) = rested([OFFLINE])
    assert circuit_after_failure(rest, OFFLINE, 999, 1_002, DOUBLING, jitter=0) is rest
    assert circuit_after_response(rest, 999) is rest


def test_what_the_practice_answers_is_no_trouble() -> None:
    assert circuit_after_failure(CLOSED, BAD, 1, 2, DOUBLING, jitter=0) is CLOSED
    assert practice_responded(BAD)
    assert not practice_responded(Failure(theirs.CREDENTIALS_INVALID, upstream_response=FhirResponse(401)))
    assert not practice_responded(OFFLINE)


def test_a_time_named_by_the_upstream_is_kept_to() -> None:
    asked = Failure(
        halo_failures.OFFLINE, retry_after=77, upstream_response=json_response({}, 504, retry_after="77")
    )
    assert circuit_after_failure(CLOSED, asked, 0, 0, DOUBLING, jitter=0).open_until == 77
    assert upstream_retry_after(asked) == 77
    assert upstream_retry_after(OFFLINE) is None


def test_a_change_whose_outcome_is_open_tells_of_its_cause() -> None:
    unknown = Failure(
        catalog.WRITE_OUTCOME_UNKNOWN, codings=((ERROR_CODE_SYSTEM, catalog.UPSTREAM_RESET.code),)
    )
    assert breaker_reason(unknown) == "upstream-reset"
    assert breaker_reason(Failure(catalog.WRITE_OUTCOME_UNKNOWN)) == ""


@pytest.mark.parametrize(
    "kind",
    [catalog.PROXY_REFUSED, catalog.PROXY_UNAVAILABLE, catalog.UPSTREAM_CERTIFICATE],
    ids=lambda each: each.code,
)
def test_trouble_on_our_side_makes_no_practice_rest(kind: FailureKind) -> None:
    assert breaker_reason(Failure(kind)) == ""


@pytest.mark.parametrize("code", sorted(FAILURES_TO_OPEN))
def test_every_reason_is_a_code_that_exists_and_no_refusal(code: str) -> None:
    statuses = {kind.status for kind in all_kinds() if kind.code == code}
    assert statuses
    assert min(statuses) >= 500
