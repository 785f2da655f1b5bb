import gzip

import pytest

from gateway.cache.prepared import (
    PreparedResponse,
    RawHeader,
    encode_response,
    parse_fast_path_request,
    render_headers,
)
from gateway.exchange import CacheValidity

PLAIN: list[RawHeader] = [
    (b"host", b"gw.example"),
    (b"ocp-apim-subscription-key", b"k"),
    (b"user-agent", b"x"),
]
TARGET = b"/fhir/R4/Patient?name=x"


def unsaid(name: str, ms: float) -> None:
    del name, ms


def key(*more: RawHeader, target: bytes = TARGET, peer: str = "") -> object:
    found = parse_fast_path_request(target, [*PLAIN, *more], peer)
    assert found is not None
    return found.key


@pytest.mark.parametrize(
    "name",
    [
        *("cache-control", "pragma", "range", "if-range", "if-none-match", "if-modified-since", "if-match"),
        *("if-unmodified-since", "content-length", "transfer-encoding", "expect", "upgrade", "te"),
    ],
)
def test_who_wants_more_than_a_plain_answer_gets_no_hit(name: str) -> None:
    assert parse_fast_path_request(TARGET, [*PLAIN, (name.encode(), b"0")], "") is None


@pytest.mark.parametrize("name", ["user-agent", "x-request-id", "traceparent", "accept-encoding"])
def test_what_no_answer_depends_on_does_not_keep_requests_apart(name: str) -> None:
    assert key((name.encode(), b"a")) == key((name.encode(), b"b")) == key()


@pytest.mark.parametrize(
    "name",
    [
        *("accept", "accept-language", "authorization", "deviceid", "host", "ocp-apim-subscription-key"),
        *("prefer", "priority", "x-forwarded-host", "x-forwarded-proto", "cookie", "x-unknown"),
    ],
)
def test_everything_else_does(name: str) -> None:
    assert key((name.encode(), b"a")) != key((name.encode(), b"b")) != key()


def test_another_target_or_address_is_another_question() -> None:
    assert len({key(), key(target=TARGET + b"&_count=1"), key(peer="10.0.0.1")}) == 3


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("GZIP ; q=1.0", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("x-gzip", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_for_who_accepts_it(field: str, wanted: bool) -> None:
    found = parse_fast_path_request(TARGET, [*PLAIN, (b"accept-encoding", field.encode())], "")
    assert found is not None
    assert found.accepts_gzip is wanted


def test_a_form_has_its_length_and_no_field_of_another_exchange() -> None:
    given = [(b"etag", b'W/"1"'), (b"age", b"7"), (b"cache-status", b"halo-gateway; hit; ttl=1")]
    found = encode_response(given, gzip.compress(b"body"), "gzip")
    assert dict(found.headers) == {
        b"etag": b'W/"1"',
        b"content-encoding": b"gzip",
        b"content-length": b"%d" % len(found.body),
    }
    assert found.head == render_headers(found.headers)
    assert found.head.startswith(b'etag: W/"1"\r\ncontent-encoding: gzip\r\n')


def test_age_and_ttl_are_those_of_the_moment() -> None:
    hit = PreparedResponse(
        CacheValidity(100.0, 160.0, lambda: True), 130.0, encode_response((), b""), None, unsaid
    )
    assert dict(hit.per_request_headers(107.9, "r-1").headers) == {
        b"age": b"7",
        b"cache-status": b"halo-gateway; hit; ttl=52",
        b"x-request-id": b"r-1",
    }
    assert dict(hit.per_request_headers(99.0, "r-1").headers)[b"age"] == b"0"
    assert (
        hit.per_request_headers(107.9, "r-1").head
        == render_headers(hit.per_request_headers(107.9, "r-1").headers) + b"\r\n"
    )


def test_the_gzip_form_goes_to_who_wants_it_once_it_is_there() -> None:
    hit = PreparedResponse(CacheValidity(0, 1, lambda: True), 1, encode_response((), b"plain"), None, unsaid)
    zipped = parse_fast_path_request(TARGET, [(b"accept-encoding", b"gzip")], "")
    plain = parse_fast_path_request(TARGET, [], "")
    assert zipped
    assert plain
    assert hit.encoding_for(zipped).body == b"plain"
    hit.gzip = encode_response((), b"zipped", "gzip")
    assert (hit.encoding_for(zipped).body, hit.encoding_for(plain).body) == (b"zipped", b"plain")
