"""A SQL query of 16 MB never keeps the other requests waiting, also when its errors are read."""

from collections.abc import Iterator

import pytest
from end_to_end.sql_upstream import (
    FHIR,
    QUERIES,
    QUERY_ID,
    Answer,
    SqlGateway,
    details,
    envelope,
    sql_gateway,
    text_command,
)
from support.loop_watch import LoopWatch

#: Seconds for which the event loop may compute without serving others.
LONGEST_TURN = 0.010
BODY = text_command("EXECUTE dbo.FileDocument @Content = @Content", value="0123456789abcdef" * 990_000)


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[SqlGateway, LoopWatch]]:
    with sql_gateway(wrap=LoopWatch) as gateway:
        assert isinstance(gateway.app, LoopWatch)
        assert gateway.read().status_code == 200
        yield gateway, gateway.app


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"status": "successful"}),
        (400, details("mssql", 207, "Invalid column name 'x'.")),
        (400, envelope(400, "Failed to convert parameter value from a String to a Byte[].")),
        (413, envelope(413, "QueryResultsTooLarge")),
    ],
)
def test_large_query_does_not_hold_the_loop(
    watched: tuple[SqlGateway, LoopWatch], status: int, body: dict[str, object]
) -> None:
    gateway, watch = watched
    gateway.upstream.answers["immediate"] = Answer(status, body)
    seconds = watch.longest_turn(lambda: gateway.submit(BODY, **FHIR), LONGEST_TURN)
    assert seconds < LONGEST_TURN, f"{seconds * 1_000:.1f} ms"


ROWS = rb'{"a":"two \n lines","errorMessage":"No"},' * 250_000
DATA = b'{"errorCode":null,"errorMessage":null,"result":{"rows":1,"data":"%s"}}' % (b"QUJD" * 2_500_000)


@pytest.mark.parametrize("body", [rb'[%s{"a":"\ud83d\ude00"}]' % ROWS, DATA], ids=["rows", "data"])
def test_large_result_does_not_hold_the_loop(watched: tuple[SqlGateway, LoopWatch], body: bytes) -> None:
    gateway, watch = watched
    gateway.upstream.answers["results"] = Answer(200, body)
    seconds = watch.longest_turn(lambda: gateway.ask("GET", f"{QUERIES}/{QUERY_ID}/results/1"), LONGEST_TURN)
    assert seconds < LONGEST_TURN, f"{seconds * 1_000:.1f} ms"
