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


def test_only_named_fields_pass_in_their_order() -> None:
    given = (("prefer", "a"), ("cookie", "b"), ("user-agent", "c"), ("prefer", "d"))
    assert filter_headers(given, REQUEST_HEADERS) == (("prefer", "a"), ("user-agent", "c"), ("prefer", "d"))


def test_a_field_that_connection_names_stops_here() -> None:
    given = (("connection", "close, Prefer"), ("prefer", "a"), ("user-agent", "c"))
    assert filter_headers(given, REQUEST_HEADERS) == (("user-agent", "c"),)


@pytest.mark.parametrize("table", [REQUEST_HEADERS, CONDITIONAL_HEADERS, RESPONSE_HEADERS])
def test_no_hop_by_hop_field_is_in_a_table_and_each_has_its_reason(table: dict[str, str]) -> None:
    assert not HOP_BY_HOP & table.keys()
    assert all(table.values())
    assert all(name == name.lower() for name in table)


def test_credentials_go_up_and_never_come_back() -> None:
    assert REQUEST_HEADERS.keys() >= CREDENTIALS
    assert not CREDENTIALS & RESPONSE_HEADERS.keys()


@pytest.mark.parametrize(
    "name", ["set-cookie", "server", "x-powered-by", "cache-control", "content-encoding"]
)
def test_what_is_the_upstreams_own_business_stays_there(name: str) -> None:
    assert name not in RESPONSE_HEADERS
