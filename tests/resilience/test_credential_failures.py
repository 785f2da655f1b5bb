"""Credential failures by client address."""

from gateway.resilience.credential_failures import AddressFailures, CredentialFailures


def test_address_is_free_again_a_minute_after_the_first_failure() -> None:
    failures = AddressFailures()
    for now in (100.0, 130.0):
        assert failures.has_room(2, now)
        failures.add_failure(now)
    assert not failures.has_room(2, 159.0)
    assert failures.seconds_until_reset(2, 159.0) == 1.0
    assert failures.has_room(2, 160.0)
    failures.add_failure(170.0)
    assert (failures.failures, failures.window_ends_at) == (1, 230.0)


def test_requests_in_flight_take_room() -> None:
    failures = AddressFailures(in_flight=2)
    assert not failures.has_room(2, 0.0)
    assert failures.seconds_until_reset(2, 0.0) == 0.0


def test_listener_is_called_once() -> None:
    failures, calls = AddressFailures(in_flight=2), list[int]()
    failures.end_listeners.append(lambda: calls.append(1))
    failures.end_request()
    failures.end_request()
    assert (failures.in_flight, calls) == (0, [1])


def test_table_of_addresses_is_bounded() -> None:
    table = CredentialFailures()
    table.of("first").add_failure(0.0)
    assert table.of("first").failures == 1
    for number in range(10_000):
        table.of(str(number))
    assert table.of("first").failures == 0
