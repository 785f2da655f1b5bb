from collections import OrderedDict

import pytest
from emulator.health_gorilla.gorilla_client import GorillaClient

from gateway.emulator.health_gorilla.data import resource_id
from gateway.emulator.health_gorilla.errors import GorillaError
from gateway.emulator.health_gorilla.settings import HealthGorillaSettings
from gateway.emulator.health_gorilla.state import MAX_ENTRIES, GorillaState, add_bounded


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def state_with(clock: Clock, **settings: object) -> GorillaState:
    return GorillaState(HealthGorillaSettings.model_validate({"patients": 3} | settings), clock)


def test_token_ends_with_its_lifetime() -> None:
    state = state_with(clock := Clock(), token_seconds=10)
    state.add_token("t", "demo-client")
    assert state.client_of("t") == "demo-client"
    clock.now += 10
    with pytest.raises(GorillaError) as caught:
        state.client_of("t")
    assert caught.value.row.status == 401


def test_download_link_ends_with_its_lifetime() -> None:
    state = state_with(clock := Clock(), link_seconds=10)
    name = state.download_path(resource_id("Binary", 1)).removeprefix("/download/")
    assert state.linked_binary(name)["resourceType"] == "Binary"
    clock.now += 10
    with pytest.raises(GorillaError) as caught:
        state.linked_binary(name)
    assert caught.value.row.status == 454


@pytest.mark.parametrize("name", ["", "x", "x.1", "x.1.2", "x.y.z"])
def test_link_that_was_not_given_is_not_found(name: str) -> None:
    with pytest.raises(GorillaError) as caught:
        state_with(Clock()).linked_binary(name)
    assert caught.value.row.status == 404


def test_rate_is_per_client_and_endpoint() -> None:
    state = state_with(clock := Clock(), requests_per_second=2)
    assert state.take_turn("a", "Patient") == {"x-ratelimit-limit": "2", "x-ratelimit-remaining": "1"}
    assert state.take_turn("a", "Patient")["x-ratelimit-remaining"] == "0"
    with pytest.raises(GorillaError) as caught:
        state.take_turn("a", "Patient")
    assert caught.value.row.status == 429
    assert state.take_turn("a", "Observation")
    assert state.take_turn("b", "Patient")
    clock.now += 1
    assert state.take_turn("a", "Patient")


def test_throttled_response_names_the_throttle(gorilla: GorillaClient) -> None:
    gorilla.settings(requests_per_second=1)
    assert gorilla.get("/fhir/R4/Patient").headers["x-ratelimit-remaining"] == "0"
    response = gorilla.get("/fhir/R4/Patient")
    assert response.status_code == 429
    assert "requests per second" in response.json()["issue"][0]["diagnostics"]
    assert {"retry-after": "1", "x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"}.items() <= dict(
        response.headers
    ).items()


def test_full_table_drops_its_oldest_entry() -> None:
    table: OrderedDict[int, int] = OrderedDict()
    for number in range(MAX_ENTRIES + 5):
        add_bounded(table, number, number)
    assert (len(table), next(iter(table))) == (MAX_ENTRIES, 5)


def test_journal_keeps_the_last_requests() -> None:
    state = state_with(Clock(), keep_requests=2)
    state.journal.extend({"n": number} for number in range(3))
    assert [entry["n"] for entry in state.journal] == [1, 2]
