"""Credential failures by client address."""

from gateway.resilience.credential_failures import (
    CallerFailures,
    CredentialFailures,
    FailureLimits,
    FailureWindow,
)


def test_address_is_free_again_a_minute_after_the_first_failure() -> None:
    failures = FailureWindow()
    for now in (100.0, 130.0):
        assert failures.has_room(2, now)
        failures.add_failure(now)
    assert not failures.has_room(2, 159.0)
    assert failures.seconds_until_reset(2, 159.0) == 1.0
    assert failures.has_room(2, 160.0)
    failures.add_failure(170.0)
    assert (failures.failures, failures.window_ends_at) == (1, 230.0)


def test_requests_in_flight_take_room() -> None:
    failures = FailureWindow(in_flight=2)
    assert not failures.has_room(2, 0.0)
    assert failures.seconds_until_reset(2, 0.0) == 0.0


def test_listener_is_called_once() -> None:
    failures, calls = FailureWindow(in_flight=2), list[int]()
    failures.end_listeners.append(lambda: calls.append(1))
    failures.end_request()
    failures.end_request()
    assert (failures.in_flight, calls) == (0, [1])


def test_credential_counts_once_in_its_window() -> None:
    address = FailureWindow()
    first, second = CallerFailures(address), CallerFailures(address)
    for now in (100.0, 101.0, 159.0):
        first.begin_request(now)
        first.add_failure(now)
        first.end_request()
    assert (address.failures, address.in_flight, first.own.failures) == (1, 0, 3)
    assert second.full_window(FailureLimits(1), 159.0) == (address, 1)
    assert second.full_window(FailureLimits(2), 159.0) is None
    first.add_failure(160.0)
    assert (address.failures, address.window_ends_at) == (1, 220.0)


def test_credential_in_flight_takes_one_place() -> None:
    address = FailureWindow()
    caller, ends = CallerFailures(address), list[int]()
    for _ in range(3):
        caller.begin_request(1.0)
    address.end_listeners.append(lambda: ends.append(1))
    assert (address.in_flight, caller.own.in_flight) == (1, 3)
    caller.end_request()
    assert (address.in_flight, ends) == (1, [])
    caller.add_failure(1.0)
    assert (address.in_flight, address.failures, ends) == (0, 1, [1])
    caller.end_request()
    caller.end_request()
    assert address.in_flight == 0


def test_tables_of_addresses_and_credentials_are_bounded() -> None:
    table = CredentialFailures()
    table.of("first", "key").add_failure(0.0)
    assert table.of("first", "key").own.failures == 1
    for number in range(20_000):
        table.of(str(number), "key")
    assert table.of("first", "key").own.failures == table.of("first", "key").address.failures == 0
    assert (len(table._addresses), len(table._callers)) == (10_000, 20_000)
