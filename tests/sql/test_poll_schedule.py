"""Schedule of held polls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors.catalog import GATEWAY_OVERLOADED, UPSTREAM_CONNECT, UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirResponse
from gateway.sql.poll_schedule import (
    held_seconds,
    is_passing,
    is_pending,
    is_unsent,
    next_poll,
    pause_after,
)
from gateway.upstreams import failures, halo_failures, halo_sql


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
        assert remaining - 0.5 < 0.1
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


ANSWER = FhirResponse(503)


@pytest.mark.parametrize(
    ("kind", "response", "is_passing_one"),
    [
        (failures.RATE_LIMITED, None, True),
        (failures.RATE_LIMITED, FhirResponse(429), True),
        (GATEWAY_OVERLOADED, None, True),
        (UPSTREAM_CONNECT, None, True),
        (UPSTREAM_TIMEOUT, None, True),
        (failures.UNAVAILABLE, ANSWER, True),
        (failures.CREDENTIALS_INVALID, None, False),
        (failures.NOT_FOUND, FhirResponse(404), False),
        (failures.UNRECOGNISED_RESPONSE, ANSWER, False),
        (halo_failures.OFFLINE, ANSWER, False),
        (halo_failures.QUOTA_EXHAUSTED, FhirResponse(429), False),
        (halo_sql.EXPIRED_IN_QUEUE, FhirResponse(200), False),
        (halo_sql.NOT_RUN_UNREACHABLE, FhirResponse(200), False),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_only_a_failure_that_says_nothing_passes(
    kind: FailureKind, response: FhirResponse | None, is_passing_one: bool
) -> None:
    assert is_passing(Failure(kind, upstream_response=response)) is is_passing_one


def test_pause_is_that_of_the_upstream() -> None:
    refused, unavailable = Failure(failures.RATE_LIMITED), Failure(failures.UNAVAILABLE, retry_after=12)
    assert (is_unsent(refused), pause_after(refused)) == (True, 0)
    assert (is_unsent(unavailable), pause_after(unavailable)) == (False, 12)
    assert (is_unsent(None), pause_after(None)) == (False, 0)
    assert next_poll(1, 20, 1, 12) == 12
    assert next_poll(1, 12.4, 1, 12) is None


@pytest.mark.parametrize(
    "body",
    [b'\xef\xbb\xbf{"status": "queued"}', rb'{"command": "\udc00", "status": "queued", "x": "\ud83d"}'],
)
def test_mark_and_surrogates_hide_no_pending_state(body: bytes) -> None:
    assert is_pending(body)
