"""Bundles: decoding, encoding and links."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.fhir.bundle import Bundle, Entry, Link, bundle_from_fields, insert_links
from gateway.fhir.raw_json import UnreadableError, array_objects, object_fields

BODY = (
    b'{"resourceType":"Bundle","type":"searchset","x":1.00,"link":[{"relation":"next","url":"u","id":"k"}],'
    b'"entry":[{"fullUrl":"f","resource":{ "resourceType" : "Patient","d":1.50e0,"a":"\\u00e9" },'
    b'"search":{}}]}'
)


def parse(body: bytes) -> Bundle:
    return bundle_from_fields(object_fields(body))


def test_unchanged_resource_keeps_its_bytes() -> None:
    bundle = parse(BODY)
    out = bundle.replace(links=tuple(link.with_url("v") for link in bundle.links)).encode()
    assert b'{ "resourceType" : "Patient","d":1.50e0,"a":"\\u00e9" }' in out
    assert b'"x":1.00' in out
    assert msgspec.json.decode(out)["link"] == [{"relation": "next", "url": "v", "id": "k"}]


def test_bundle_without_links_and_entries_stays_without() -> None:
    assert parse(b'{"resourceType":"Bundle","total":0}').encode() == b'{"resourceType":"Bundle","total":0}'


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"a":', b'{"a":1}x', b"\xff\xfe", b'{"entry":3}', b'{"link":[3]}'],
)
def test_unreadable_bundle_raises(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        parse(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_rejected(body: bytes) -> None:
    with suppress(UnreadableError):
        assert all(isinstance(raw, Raw) for raw in object_fields(body).values())


@given(st.lists(st.sampled_from(("total", "id", "link", "entry", "type")), unique=True), st.integers(0, 5))
def test_inserted_links_keep_other_fields(names: list[str], place: int) -> None:
    values = {
        "total": b"1.00",
        "id": b'"\xc3\xa9"',
        "link": b'[{"relation":"next","url":"x"}]',
        "entry": b'[{"resource":{"resourceType":"Patient","b":1.0}}]',
        "type": b'"searchset"',
    }
    fields = [(name, values[name]) for name in names]
    fields.insert(place, ("resourceType", b'"Bundle"'))
    body = b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in fields) + b"}"
    new = (Link("self", "https://gw.example/Patient", {}), Link("next", "y", {}))
    decoded = object_fields(insert_links(parse(body).encode_without_links(), new))
    expected = {name: value for name, value in fields if name != "link"}
    assert {name: bytes(raw) for name, raw in decoded.items() if name != "link"} == expected
    assert [link.relation for link in bundle_from_fields(decoded).links] == ["self", "next"]


@pytest.mark.parametrize(
    ("total", "expected"), [("0", 0), ("2147483647", 2_147_483_647), ("9" * 5_000, None), ("-1", None)]
)
def test_total_is_an_unsigned_int_or_none(total: str, expected: int | None) -> None:
    assert parse(b'{"resourceType":"Bundle","total":%s}' % total.encode()).total == expected


@pytest.mark.parametrize(
    ("search", "mode", "is_match"),
    [
        (b'{"mode":"match"}', "match", True),
        (b'{ "mode" : "include" }', "include", False),
        (b'{"score":1,"mode":"outcome"}', "outcome", False),
        (b'{"mode":"mat\\u0063h"}', "match", True),
        (b'{"mode":5}', "", True),
        (b"{}", "", True),
        (None, "", True),
    ],
)
def test_mode_of_an_entry_in_any_spelling_is_read(search: bytes | None, mode: str, *, is_match: bool) -> None:
    entry = Entry({} if search is None else {"search": Raw(search)})
    bundle = Bundle({}, (), (entry, Entry({"search": Raw(b'{"mode":"include"}')})))
    assert entry.stated_mode == mode
    assert bundle.stated_modes == (mode, "include")
    assert bundle.match_flags == (is_match, False)
    assert bundle.replace(entries=()).stated_modes == ()


def test_detached_entry_has_the_same_fields() -> None:
    text = b'[{"fullUrl":"urn:x","search":{"mode":"match"},"resource":{"id":"1"}}]'
    entry = Entry(array_objects(Raw(text))[0])
    assert entry.detach() == entry
    assert entry.detach().fields["search"] is entry.detach().fields["search"]
