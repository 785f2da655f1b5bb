import json
from typing import Any

import pytest
from emulator.sql.sql_client import query, registration

from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sql.commands import (
    ASYNC_QUEUE,
    IMMEDIATE_QUEUE,
    inputs_of,
    parse_object,
    parse_query,
    parse_registration,
)


def encode(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("queue", [IMMEDIATE_QUEUE, ASYNC_QUEUE])
def test_time_in_queue_is_within_documented_limits(queue: tuple[int, int]) -> None:
    default, maximum = queue
    assert parse_query(encode(query()), queue).max_time_in_queue == default
    for value in (0, maximum):
        assert parse_query(encode(query() | {"maxTimeInQueue": value}), queue).max_time_in_queue == value
    for value in (-1, maximum + 1, "1", True, None):
        with pytest.raises(Refusal):
            parse_query(encode(query() | {"maxTimeInQueue": value}), queue)


@pytest.mark.parametrize(
    "command",
    [
        {"type": "table"},
        {"executionMode": "write"},
        {"parameters": {}},
        {"parameters": [1]},
        {"parameters": [{"name": 1}]},
        {"parameters": [{"name": "@a", "type": "Nonsense"}]},
        {"parameters": [{"name": "@a", "direction": "sideways"}]},
        {"parameters": [{"name": "@a", "value": 1}]},
        {"parameters": [{"name": "@a", "size": "1"}]},
    ],
)
def test_command_outside_the_schema_is_refused(command: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as excinfo:
        parse_query(encode(query(**command)), IMMEDIATE_QUEUE)
    assert (excinfo.value.status, excinfo.value.source) == (400, "wrapped")


def test_command_passes_with_unknown_fields_and_lone_surrogates() -> None:
    body = encode(query("SELECT N'\ud800'", future=1, parameters=None) | {"catalogue": "BPSPatients"})
    submission = parse_query(body, IMMEDIATE_QUEUE)
    assert (submission.command["text"], submission.request_size) == ("SELECT N'\ud800'", len(body))


def test_only_inputs_carry_a_value() -> None:
    directions = ("input", "output", "inputOutput", "returnValue")
    parameters = [{"name": each, "direction": each} for each in directions]
    names = [each["name"] for each in inputs_of({"parameters": [{"name": "none"}, *parameters]})]
    assert names == ["none", "input", "inputOutput"]


@pytest.mark.parametrize(
    "change",
    [
        {"frequency": 59},
        {"frequency": "60"},
        {"duration": 86_401},
        {"duration": 0},
        {"name": None},
        {"registeredQueryType": "table"},
        {"registerCommand": {}},
        {"registerCommand": []},
    ],
)
def test_registration_outside_the_limits_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        parse_registration(encode(registration(**change)))


def test_registration_at_the_limits_is_read() -> None:
    parsed = parse_registration(encode(registration(frequency=60, duration=86_400)))
    assert (parsed.name, parsed.frequency, parsed.duration) == ("Test", 60, 86_400)
    assert parsed.submission.command["text"] == "SELECT 1"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        parse_object(body)
