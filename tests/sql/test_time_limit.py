"""Time of a SQL query in the queue of the practice."""

import pytest

from gateway.sql.time_limit import max_seconds_in_queue

LARGE = b'"' + b"A" * 100_000 + b'"'


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b"", 30.0),
        (b'{"maxTimeInQueue":15000}', 15.0),
        (b'{"command":{}, "maxTimeInQueue" : 0 }', 0.0),
        (b'{"maxTimeInQueue":999999999}', 60.0),
        (b'{"maxTimeInQueue":9999999999}', 60.0),
        (b'{"command":{"text":"\\"maxTimeInQueue\\":5"}}', 30.0),
        (b'{"maxTimeInQueue":2000,"value":' + LARGE + b"}", 2.0),
        (b'{"value":' + LARGE + b',"maxTimeInQueue":2000}', 2.0),
        (b'{"value":' + LARGE + b',"maxTimeInQueue":2000,"more":' + LARGE + b"}", 60.0),
    ],
)
def test_time_in_queue_is_read_at_both_ends(body: bytes, seconds: float) -> None:
    assert max_seconds_in_queue(body) == seconds
