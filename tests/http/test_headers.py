"""Header fields that the gateway passes on."""

import pytest

from gateway.http.headers import (
    CONDITIONAL_HEADERS,
    CREDENTIALS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    SENT_HEADERS,
    filter_headers,
    is_plain_value,
    valid_headers,
)

HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    *("proxy-authenticate", "proxy-authorization", "content-length", "host"),
}


def test_listed_fields_pass_in_order() -> None:
    headers = (("prefer", "a"), ("cookie", "b"), ("user-agent", "c"), ("prefer", "d"))
    assert filter_headers(headers, REQUEST_HEADERS) == (("prefer", "a"), ("user-agent", "c"), ("prefer", "d"))


def test_field_named_by_connection_is_removed() -> None:
    headers = (("connection", "close, Prefer"), ("prefer", "a"), ("user-agent", "c"))
    assert filter_headers(headers, REQUEST_HEADERS) == (("user-agent", "c"),)


@pytest.mark.parametrize("table", [REQUEST_HEADERS, CONDITIONAL_HEADERS, RESPONSE_HEADERS])
def test_table_has_reasons_and_no_hop_by_hop_fields(table: dict[str, str]) -> None:
    assert not HOP_BY_HOP & table.keys()
    assert all(table.values())
    assert all(name == name.lower() for name in table)


def test_credentials_are_request_headers_only() -> None:
    assert REQUEST_HEADERS.keys() >= CREDENTIALS
    assert not CREDENTIALS & RESPONSE_HEADERS.keys()


@pytest.mark.parametrize(
    "name", ["set-cookie", "server", "x-powered-by", "cache-control", "content-encoding"]
)
def test_field_is_not_relayed_from_upstream(name: str) -> None:
    assert name not in RESPONSE_HEADERS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", True),
        ("a b\tc~", True),
        ("a\x00", False),
        ("a\n", False),
        ("\x7f", False),
        ("é", False),
        ("\x80", False),
    ],
)
def test_value_is_plain_if_it_is_visible_ascii(value: str, expected: bool) -> None:
    assert is_plain_value(value) is expected


@pytest.mark.parametrize(
    ("value", "passed"),
    [
        *[("0", "0"), ("120", "120"), ("9" * 9, "86400"), ("9" * 10, ""), ("9" * 400, "")],
        *[
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("-1", ""),
            ("1.5", ""),
            ("", ""),
        ],
    ],
)
def test_retry_after_passes_only_in_its_syntax(value: str, passed: str) -> None:
    fields = (("retry-after", value), ("retry-after", "5" if passed else value), ("etag", "é"))
    assert valid_headers((*fields, ("x-progress", "\x01"))) == (
        *((("retry-after", passed),) if passed else ()),
        ("etag", "é"),
    )


def test_sent_headers_are_all_fields_that_reach_an_upstream() -> None:
    assert {"accept", *REQUEST_HEADERS, *CONDITIONAL_HEADERS} == SENT_HEADERS
