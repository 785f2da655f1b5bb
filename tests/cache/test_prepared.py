"""Requests and prepared responses of the fast path."""

import gzip

import pytest

from gateway.cache.prepared import (
    IRRELEVANT_HEADERS,
    PreparedResponse,
    RawHeader,
    encode_response,
    parse_fast_path_request,
    render_headers,
)
from gateway.cache_validity import CacheValidity

PLAIN: list[RawHeader] = [
    (b"host", b"gw.example"),
    (b"ocp-apim-subscription-key", b"k"),
    (b"user-agent", b"x"),
]
TARGET = b"/fhir/R4/Patient?name=x"


def discard_log(request_id: str, ms: float) -> None:
    del request_id, ms


def key(*headers: RawHeader, target: bytes = TARGET, peer: str = "") -> object:
    request = parse_fast_path_request(target, [*PLAIN, *headers], peer)
    assert request is not None
    return request.key


@pytest.mark.parametrize(
    "name",
    [
        *("cache-control", "pragma", "range", "if-range", "if-none-match", "if-modified-since", "if-match"),
        *("if-unmodified-since", "content-length", "transfer-encoding", "expect", "upgrade", "te"),
    ],
)
def test_header_for_the_application_bypasses_fast_path(name: str) -> None:
    assert parse_fast_path_request(TARGET, [*PLAIN, (name.encode(), b"0")], "") is None


@pytest.mark.parametrize("name", ["user-agent", "x-request-id", "traceparent", "accept-encoding"])
def test_irrelevant_header_keeps_key(name: str) -> None:
    assert key((name.encode(), b"a")) == key((name.encode(), b"b")) == key()


@pytest.mark.parametrize(
    "name",
    [
        *("accept", "accept-language", "authorization", "deviceid", "host", "ocp-apim-subscription-key"),
        *(
            "prefer",
            "priority",
            "x-forwarded-host",
            "x-forwarded-proto",
            "cookie",
            "x-unknown",
            "gateway-app",
        ),
    ],
)
def test_any_other_header_changes_key(name: str) -> None:
    assert key((name.encode(), b"a")) != key((name.encode(), b"b")) != key()


def test_user_agent_changes_key_where_apps_are_recognised_by_it() -> None:
    varying = IRRELEVANT_HEADERS - {b"user-agent"}
    requests = [
        parse_fast_path_request(TARGET, [(b"user-agent", agent)], "", varying) for agent in (b"a", b"b")
    ]
    assert len({request.key for request in requests if request}) == 2


def test_purpose_is_told_where_the_lifetime_is_over() -> None:
    validity = CacheValidity(0.0, 60.0, lambda: True, None, "display")
    plain = encode_response((), b"")
    response = PreparedResponse(validity, 100.0, 160.0, 130.0, plain, None, discard_log)
    expected = b"halo-gateway; hit; ttl=50; detail=display"
    assert response.per_request_headers(110.0, "r").cache_status == expected


def test_target_and_address_change_key() -> None:
    assert len({key(), key(target=TARGET + b"&_count=1"), key(peer="10.0.0.1")}) == 3


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
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
def test_accept_encoding_decides_gzip(accept_encoding: str, expected: bool) -> None:
    request = parse_fast_path_request(TARGET, [*PLAIN, (b"accept-encoding", accept_encoding.encode())], "")
    assert request is not None
    assert request.accepts_gzip is expected


def test_encoded_response_has_length_and_no_request_headers() -> None:
    headers = [(b"etag", b'W/"1"'), (b"age", b"7"), (b"cache-status", b"halo-gateway; hit; ttl=1")]
    encoded = encode_response(headers, gzip.compress(b"body"), "gzip")
    assert dict(encoded.headers) == {
        b"etag": b'W/"1"',
        b"content-encoding": b"gzip",
        b"content-length": b"%d" % len(encoded.body),
    }
    assert encoded.head == render_headers(encoded.headers)
    assert encoded.head.startswith(b'etag: W/"1"\r\ncontent-encoding: gzip\r\n')


def test_age_and_ttl_depend_on_time() -> None:
    response = PreparedResponse(
        CacheValidity(0.0, 60.0, lambda: True),
        100.0,
        160.0,
        130.0,
        encode_response((), b""),
        None,
        discard_log,
    )
    headers = response.per_request_headers(107.9, "r-1")
    assert dict(headers.headers) == {
        b"age": b"7",
        b"cache-status": b"halo-gateway; hit; ttl=52",
        b"x-request-id": b"r-1",
    }
    assert dict(response.per_request_headers(99.0, "r-1").headers)[b"age"] == b"0"
    assert headers.head == render_headers(headers.headers) + b"\r\n"


def test_gzip_request_gets_gzip_form_once_it_exists() -> None:
    response = PreparedResponse(
        CacheValidity(0, 1, lambda: True), 0, 1, 1, encode_response((), b"plain"), None, discard_log
    )
    gzip_request = parse_fast_path_request(TARGET, [(b"accept-encoding", b"gzip")], "")
    plain_request = parse_fast_path_request(TARGET, [], "")
    assert gzip_request
    assert plain_request
    assert response.encoding_for(gzip_request).body == b"plain"
    response.gzip = encode_response((), b"gzip", "gzip")
    bodies = (response.encoding_for(gzip_request).body, response.encoding_for(plain_request).body)
    assert bodies == (b"gzip", b"plain")


def test_key_does_not_grow_with_the_request() -> None:
    short, long = key(), key((b"cookie", b"x" * 60_000))
    assert isinstance(long, bytes)
    assert isinstance(short, bytes)
    assert len(short) == len(long) == 32


def test_parts_of_a_request_are_not_mistaken_for_others() -> None:
    assert key((b"a", b"b"), (b"c", b"d")) != key((b"a", b"bc"), (b"", b"d")) != key((b"a", b"b: c: d"))
    assert key(target=b"/a", peer="b") != key(target=b"/ab", peer="")


def test_memory_size_has_all_that_is_stored() -> None:
    body, fields = b"x" * 5_000, [(b"etag", b"y" * 1_000)]
    plain = encode_response(fields, body)
    response = PreparedResponse(CacheValidity(0, 60, lambda: True), 0, 60, 60, plain, None, discard_log)
    assert response.memory_size > 5_000 + 2 * 1_000
    without_gzip = response.memory_size
    response.gzip = plain
    assert response.memory_size == without_gzip
    response.gzip = encode_response(fields, body[:800], "gzip")
    assert response.memory_size > without_gzip + 800 + 2 * 1_000
