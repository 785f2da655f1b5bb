"""Reading of responses, with bounds, whatever an upstream sends and however it is cut."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstreams.response_reader import MAX_FIELDS, MAX_HEAD_BYTES, ResponseReader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;a=b\r\nk\r\n0\r\nX-Trailer: t\r\n\r\n"
)
CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nok"


def read(*pieces: bytes, max_body: int | None = 1_000, has_body: bool = True) -> ResponseReader:
    reader = ResponseReader()
    reader.start(max_body, has_body=has_body)
    for piece in pieces:
        reader.feed(piece)
    return reader


def result(reader: ResponseReader) -> tuple[bool, bool, str, int, bytes]:
    is_complete, may_reuse, problem = reader.is_complete, reader.may_reuse, reader.problem
    received = reader.take()
    return is_complete, may_reuse, problem, received.status, b"".join(received.pieces)


@pytest.mark.parametrize(
    "response",
    [
        OK,
        CHUNKED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 900\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    ],
)
def test_response_with_a_length_ends_and_may_be_followed(response: bytes) -> None:
    assert result(read(response)) == (True, True, "", 200, b"ok")
    assert result(read(*(bytes([byte]) for byte in response))) == (True, True, "", 200, b"ok")


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize(
    ("field", "may_reuse"),
    [
        (b"", True),
        (b"Content-Length: 0\r\n", True),
        (b"Content-Length: 5\r\n", False),
        (b"Transfer-Encoding: chunked\r\n", False),
    ],
)
def test_status_without_body_ends_with_its_head(status: int, field: bytes, may_reuse: bool) -> None:
    """If it announces a body all the same, what follows on the connection could be that body."""
    assert result(read(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, field))) == (True, may_reuse, "", status, b"")


@pytest.mark.parametrize(
    "field", [b"Content-Length : 9", b"Content-Length  : 9", b"Transfer-Encoding : chunked"]
)
def test_space_before_the_colon_hides_no_length(field: bytes) -> None:
    """RFC 9112 section 5.1: a field with such a space counts, so half a body is not a whole one."""
    reader = read(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n2\r\nok" % field)
    reader.feed_end()
    assert (reader.is_complete, reader.fields[0][0]) == (False, field.partition(b":")[0].rstrip())


@pytest.mark.parametrize(
    "start", [b"0\r\nX-T: ", b"0\r\nX", b"2\r\nok\r\n1;a=", b"2\r\nok\r\n0\r\nA: b\r\nX"]
)
def test_trailer_or_extension_without_end_is_refused(start: bytes) -> None:
    """The parser adds up the pieces of a field until it ends."""
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", start)
    pieces = 0
    while not reader.problem and pieces < 1_000:
        reader.feed(b"a" * 1_000)
        pieces += 1
    assert (reader.problem, pieces <= MAX_HEAD_BYTES // 1_000 + 1) == ("not-http", True)


def test_body_in_many_chunks_is_no_endless_trailer() -> None:
    """Each chunk's head comes alone, as some servers send it; together they exceed the maximum of a head."""
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", max_body=1_000_000)
    for _ in range(MAX_HEAD_BYTES // 4):
        reader.feed(b"1;abc\r\n")
        reader.feed(b"a\r\n")
    reader.feed(b"0\r\n\r\n")
    assert (reader.problem, reader.is_complete, reader.size) == ("", True, MAX_HEAD_BYTES // 4)


@pytest.mark.parametrize(
    "response",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"\r\n\r\n", b"\r\nConnection: Keep-Alive, Close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        OK.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"),
        OK + b"x",
        OK + OK,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"HTTP/1.1 100 Continue\r\n\r\n",
        CHUNKED + OK,
    ],
)
def test_connection_is_not_reused_unless_the_response_ends_exactly(response: bytes) -> None:
    assert result(read(response)) == (True, False, "", 200, b"ok")


@pytest.mark.parametrize(
    "response",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: unknown\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok" + OK,
        OK.replace(b"\r\n\r\n", b"\r\nX: a\0b\r\n\r\n"),
        CHUNKED.replace(b"t\r\n\r\n", b"\0\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * MAX_FIELDS + OK[17:],
        b"HTTP/1.1 103 Hints\r\n\r\n" * (MAX_HEAD_BYTES // 20) + OK,
        CHUNKED.replace(b"X-Trailer: t\r\n", b"X: 1\r\n" * MAX_FIELDS),
    ],
    ids=lambda response: response[:60].decode(),
)
def test_other_bytes_are_no_response(response: bytes) -> None:
    for reader in (read(response), read(*(response[at : at + 1000] for at in range(0, len(response), 1000)))):
        assert (reader.is_complete, reader.may_reuse, reader.problem) == (False, False, "not-http")


def test_end_of_the_connection_ends_a_response_without_length_only() -> None:
    identity = CLOSE.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: identity\r\n\r\n")
    partial = ((response, False) for response in (OK[:-1], CHUNKED[:-2], b"HTTP"))
    for response, is_complete in ((CLOSE, True), (identity, True), *partial):
        reader = read(response)
        assert not reader.is_complete
        reader.feed_end()
        assert (reader.is_complete, reader.may_reuse) == (is_complete, False)


def test_body_over_the_maximum_is_dropped() -> None:
    assert result(read(OK, max_body=1)) == (False, False, "too-large", 200, b"")
    assert result(read(CHUNKED, max_body=1)) == (False, False, "too-large", 200, b"")
    assert result(read(CLOSE, max_body=2))[2:] == ("", 200, b"ok")


def test_response_whose_body_is_not_read_ends_with_its_head() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    assert result(read(head, max_body=None)) == (True, False, "", 200, b"")
    assert result(read(head, has_body=False)) == (True, False, "", 200, b"")


def test_fields_keep_their_order_and_lose_outer_spaces() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nB:  1 \t\r\na: \xfc\x01\r\nB: 2\r\nContent-Length: 0\r\n\r\n")
    assert reader.take().fields == [
        (b"B", b"1"),
        (b"a", b"\xfc\x01"),
        (b"B", b"2"),
        (b"Content-Length", b"0"),
    ]


def test_trailer_is_no_field_of_the_response() -> None:
    assert [name for name, _ in read(CHUNKED).take().fields] == [b"Transfer-Encoding"]


@given(st.lists(st.sampled_from([OK, CHUNKED]), min_size=1, max_size=4), st.integers(1, 40))
def test_reader_reads_one_response_after_another(responses: list[bytes], step: int) -> None:
    reader = ResponseReader()
    for response in responses:
        reader.start(1_000)
        for at in range(0, len(response), step):
            reader.feed(response[at : at + step])
        assert result(reader) == (True, True, "", 200, b"ok")


def test_body_in_tiny_chunks_takes_memory_of_its_size() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", max_body=10_000_000)
    piece = b"1\r\nx\r\n" * 10_000
    tracemalloc.start()
    for _ in range(20):
        reader.feed(piece)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 600_000
    assert b"".join(reader.take().pieces) == b"x" * 200_000


def test_closed_reader_keeps_nothing() -> None:
    reader = read(OK)
    reader.close()
    reader.feed(OK)
    assert reader.take().pieces == []
