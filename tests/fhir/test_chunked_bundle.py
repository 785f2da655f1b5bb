"""Large Bundles decoded in chunks."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.fhir.chunked_bundle import CHUNK_BYTES, Entries, split_bundle
from gateway.fhir.raw_json import UnreadableError, array_objects, encode, encoded_size, string_value


def read(body: bytes) -> tuple[list[Entries], dict[str, Raw]]:
    chunks, generator = [], split_bundle(body)
    while True:
        try:
            chunks.append(next(generator))
        except StopIteration as end:
            return chunks, end.value


def entries_of(chunks: list[Entries]) -> list[dict[str, object]]:
    return [decoded(entry) for chunk in chunks for entry in chunk]


def decoded(fields: dict[str, Raw]) -> dict[str, object]:
    return {name: json.loads(bytes(raw)) for name, raw in fields.items()}


def entry(number: int, **more: object) -> dict[str, object]:
    nested = [{"fullUrl": "x"}, {"fullUrl": "y"}]
    resource = {"resourceType": "Patient", "id": str(number), "text": "é" * 300, "extension": nested}
    return {"fullUrl": f"https://h/Patient/{number}", "resource": resource | more}


def large_bundle(count: int = 400, **fields: object) -> dict[str, object]:
    entries = [entry(number) for number in range(count)]
    return {"resourceType": "Bundle", "total": 1} | {"entry": entries} | {"z": [{"entry": []}]} | fields


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}])
def test_large_bundle_is_split_into_ordered_chunks(layout: dict[str, Any]) -> None:
    bundle = large_bundle()
    chunks, fields = read(json.dumps(bundle, **layout).encode())
    assert len(chunks) > 2
    assert max(sum(len(bytes(encode(entry))) for entry in chunk) for chunk in chunks) < 3 * CHUNK_BYTES
    assert entries_of(chunks) == bundle["entry"]
    assert decoded(fields) == bundle | {"entry": []}


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "List", "entry": [{"item": {"display": "x" * 1000}}] * 100},
        {"entry": [entry(1)] * 200, "resourceType": "Bundle", "signature": {}},
        {"resourceType": "Bundle", "x": {"entry": [1]}, "text": "x" * CHUNK_BYTES, "entry": [entry(1)]},
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Bundle", "text": "x" * CHUNK_BYTES},
    ],
)
def test_body_without_leading_bundle_type_is_not_split(body: dict[str, object]) -> None:
    chunks, fields = read(json.dumps(body).encode())
    assert chunks == []
    assert decoded(fields) == body


def test_last_entries_of_a_small_bundle_are_decoded_once() -> None:
    bundle = {"resourceType": "Bundle", "total": 2, "entry": [entry(1), entry(2)]}
    chunks, fields = read(json.dumps(bundle).encode())
    assert entries_of(chunks) == bundle["entry"]
    assert decoded(fields) == bundle | {"entry": []}


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Bundle","entry":[{"a":1}],"z":[0]}',
        b'{"resourceType":"Bundle","entry":[{"a":1}]}\n',
        b'{"resourceType":"Bundle","signature":{},"entry":[{"a":1}]}',
        b'{"resourceType":"List","entry":[{"a":1}]}',
        b'{"resourceType":"Bundle","entry":[{"a":1},7,{"a":"x]}"}],"total":[]}',
    ],
)
def test_other_small_body_is_decoded_as_a_whole(body: bytes) -> None:
    chunks, fields = read(body)
    assert chunks == []
    assert decoded(fields) == json.loads(body)


@pytest.mark.parametrize(
    "entries",
    [b'[{"a":1},]', b'[{"a":1,"a":2}]', b'[{"a":"\xff"}]', b"[7]", b'[{"a":1}]}]', b'[{"a":1}],"entry":[]'],
)
def test_corrupt_small_bundle_is_rejected(entries: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(b'{"resourceType":"Bundle","entry":' + entries + b"}")


def test_entries_without_recognised_cut_come_last() -> None:
    bundle = large_bundle(0) | {"entry": [{"a": 1}] + [{"b": "x" * 900}] * 100}
    chunks, _ = read(json.dumps(bundle).encode())
    assert entries_of(chunks) == bundle["entry"]


def test_cut_inside_entry_is_not_used() -> None:
    entries = [entry(number, contained=[entry(0) for _ in range(300)]) for number in range(3)]
    chunks, _ = read(json.dumps(large_bundle(0) | {"entry": entries}).encode())
    assert entries_of(chunks) == entries


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda body: body[:-1],
        lambda body: body + b"x",
        lambda body: body.replace(b'"id": "200"', b'"id": 2 0'),
        lambda body: body.replace(b'"200"', b'"2\xff"'),
        lambda body: body.replace(b'"total": 1', b'"total": 01'),
        lambda body: body[:-1] + b', "total": 2}',
        lambda body: body[:-1] + b', "entry": []}',
        lambda body: body[: len(body) // 2],
        lambda body: body.replace(b'{"fullUrl": "https://h/Patient/200"', b'{"fullUrl": 1, "fullUrl": 2'),
        lambda body: body.replace(b'{"fullUrl": "https://h/Patient/200"', b'7, {"fullUrl": "x"'),
    ],
)
def test_corrupt_bundle_is_rejected(corrupt: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableError):
        read(corrupt(json.dumps(large_bundle()).encode()))


@given(st.lists(st.integers(0, 40_000), max_size=12), st.sampled_from(["}", "},{", '"', "\\", "},\n {"]))
def test_any_sizes_and_contents_are_complete(sizes: list[int], filling: str) -> None:
    entries = [{"fullUrl": str(size), "x": filling * (size // len(filling))} for size in sizes]
    chunks, fields = read(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
    assert entries_of(chunks or [array_objects(fields["entry"])]) == entries
    assert string_value(fields["resourceType"]) == "Bundle"


def test_entries_before_the_resource_type_are_cut() -> None:
    bundle = {"total": 1, "entry": [entry(number) for number in range(400)], "resourceType": "Bundle"}
    chunks, fields = read(json.dumps(bundle).encode())
    assert len(chunks) > 2
    assert entries_of(chunks) == bundle["entry"]
    assert decoded(fields) == bundle | {"entry": []}


@pytest.mark.parametrize(
    "item", ["{}", "{ }", '{"a%d":{}}', '{"x":[{},{},{}],"y%d":"},{"}', '{"y%d":1} , {"resource":{}}']
)
def test_entries_without_a_common_first_key_are_cut(item: str) -> None:
    items = [item.replace("%d", str(number)) for number in range(30_000)]
    text = '{"resourceType":"Bundle","entry":[' + ",".join(items) + "]}"
    chunks, fields = read(text.encode())
    assert entries_of(chunks) == json.loads(text)["entry"]
    assert len(chunks) > 1
    assert max(map(encoded_size, chunks)) < 2 * CHUNK_BYTES
    assert bytes(fields["entry"]) == b"[]"
