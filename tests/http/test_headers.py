"""Header fields that the gateway passes on."""

import pytest

from gateway.http.headers import (
    CONDITIONAL_HEADERS,
    CREDENTIALS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    filter_headers,
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
