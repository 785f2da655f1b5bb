"""Answers by request head: keys, bounds, and what changes each second."""

from math import inf
from typing import Any

import pytest
from cache.test_prepared import discard_log

from gateway.cache.prepared import AddedFields, FastPathRequest, PreparedResponse, encode_response
from gateway.cache_validity import CacheValidity
from gateway.web.head_table import MAX_ENTRIES, MAX_HEAD_BYTES, HeadTable

HEAD = b"GET /fhir/R4/Patient?name=x HTTP/1.1\r\nHost: gw.example\r\nkey: k\r\n\r\n"
REQUEST = FastPathRequest(b"key", "", accepts_gzip=False)
DATE = (b"date", b"yesterday")


def prepared(body: bytes = b"{}") -> PreparedResponse:
    encoded = encode_response([(b"etag", b'"1"')], body)
    validity = CacheValidity(0.0, 60.0, lambda: True)
    return PreparedResponse(validity, 100.0, 160.0, 150.0, encoded, None, discard_log, confirmed_until=inf)


def add(table: HeadTable, head: bytes = HEAD, body: bytes = b"{}") -> Any:
    return table.add(head, "", REQUEST, prepared(body))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET", b"HEAD"),
        (b"GET", b"get"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"GET /", b"GET http://gw.example/"),
        (b"\r\n", b"\n"),
        (b"key: k", b"key: k\r\n folded"),
        (b"key: k", b"key : k"),
        (b"key: k", b"key: \xff"),
        (b"key: k", b"key: \x00"),
        (b"\r\n\r\n", b"\r\n\r\nx"),
        (b"\r\n\r\n", b"\r\n"),
        (b"Patient", b"Pat ient"),
        (b"key: k", b"key: " + b"k" * MAX_HEAD_BYTES),
    ],
)
def test_only_a_plain_head_is_a_key(old: bytes, new: bytes) -> None:
    table = HeadTable(100_000)
    assert add(table)
    assert add(table, HEAD.replace(old, new)) is None
    assert add(table, HEAD + HEAD) is None
    assert len(table) == 1


def test_fields_that_vary_are_no_part_of_the_key() -> None:
    table = HeadTable(100_000)
    entry = add(table, HEAD[:-2] + b"X-Request-Id: a\r\ntraceparent: b\r\n\r\n")
    assert table.find(HEAD) is entry
    assert table.find_varied(HEAD) is None
    assert table.find_varied(HEAD[:-2] + b"TraceParent: b\r\nx-request-id:c\r\n\r\n") == (entry, b"c")
    assert table.find_varied(HEAD[:-2] + b"x-request-id: c\r\nX-REQUEST-ID: d\r\n\r\n") is None
    assert table.find_varied(HEAD[:-2] + b"x-request-ids: c\r\n\r\n") is None
    assert table.find_varied(HEAD[:-2] + b"x-request-id: c\r\n d\r\n\r\n") is None


@pytest.mark.parametrize(
    "rest",
    [
        b"x-request-id: c\r\n",
        b"x-request-id: c\r\ntraceparent: b\r\n",
        b"x-request-id: c\r\n\r\n",
        b"\r\nx-request-id: c\r\n",
        b"\r\nx-request-id: c\r\n\r\n",
    ],
)
def test_field_behind_the_head_is_no_field(rest: bytes) -> None:
    table = HeadTable(100_000)
    add(table)
    assert table.find_varied(HEAD + rest) is None
    assert table.find_varied(HEAD[:-2] + b"tracestate: d\r\n\r\n" + rest) is None


def test_field_in_a_value_or_target_is_no_field() -> None:
    table = HeadTable(100_000)
    add(table)
    for head in (HEAD.replace(b"k\r", b"x-request-id: c\r"), HEAD.replace(b"=x", b"=x-request-id:c")):
        assert table.find_varied(head) is None


def test_oldest_entry_without_hits_is_dropped_first() -> None:
    table = HeadTable(20_000)
    heads = [HEAD.replace(b"name=x", b"name=%d" % number) for number in range(20)]
    first = add(table, heads[0])
    for head in heads[1:]:
        add(table, head)
        table.keep(first)
        assert table.used_bytes <= 20_000
    assert table.find(heads[0]) is first
    assert table.find(heads[1]) is None
    assert add(table, HEAD, b"x" * 20_000) is None


def test_number_of_entries_is_bounded() -> None:
    table = HeadTable(1_000_000_000)
    for number in range(MAX_ENTRIES + 1):
        add(table, HEAD.replace(b"name=x", b"name=%d" % number))
    assert len(table) == MAX_ENTRIES


def test_replaced_or_dropped_entry_frees_its_bytes() -> None:
    table = HeadTable(100_000)
    old, used = add(table), table.used_bytes
    new = add(table)
    assert table.used_bytes == used
    table.drop(old)
    assert table.find(HEAD) is new
    table.drop(new)
    assert (len(table), table.used_bytes) == (0, 0)


def test_rendered_head_is_right_until_its_next_second() -> None:
    entry = add(HeadTable(100_000))
    entry.render([DATE], 7, 110.25)
    assert b"\r\nage: 10\r\ncache-status: halo-gateway; hit; ttl=49\r\nx-request-id: " in entry.head
    assert entry.head.endswith(b"x-request-id: ")
    assert b"yesterday" not in entry.head
    assert b" GMT\r\n" in entry.head
    assert 110.25 < entry.valid_until <= 111.0
    assert entry.generation == 7
    entry.render([DATE], 8, 149.9)
    assert entry.valid_until <= 150


def test_fields_of_the_request_are_rendered_and_counted() -> None:
    table = HeadTable(100_000)
    plain = add(table)
    added = AddedFields(lines=b"access-control-allow-origin: *\r\n")
    entry = table.add(HEAD, "", REQUEST._replace(added=added), plain.hit)
    assert entry
    entry.render([], 1, 110.0)
    assert entry.head.count(b"\r\naccess-control-allow-origin: *\r\nage: 10\r\n") == 1
    assert entry.size == plain.size + 2 * len(added.lines)
