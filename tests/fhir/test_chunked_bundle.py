import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.fhir.chunked_bundle import CHUNK_BYTES, Entries, split_bundle
from gateway.fhir.raw_json import UnreadableError, array_objects, encode, string_value


def read(body: bytes) -> tuple[list[Entries], dict[str, Raw]]:
    found, reading = [], split_bundle(body)
    while True:
        try:
            found.append(next(reading))
        except StopIteration as end:
            return found, end.value


def plain(fields: dict[str, Raw]) -> dict[str, object]:
    return {name: json.loads(bytes(raw)) for name, raw in fields.items()}


def entry(number: int, **more: object) -> dict[str, object]:
    nested = [{"fullUrl": "x"}, {"fullUrl": "y"}]
    resource = {"resourceType": "Patient", "id": str(number), "text": "é" * 300, "extension": nested}
    return {"fullUrl": f"https://h/Patient/{number}", "resource": resource | more}


def large(number: int = 400, **fields: object) -> dict[str, object]:
    entries = [entry(each) for each in range(number)]
    return {"resourceType": "Bundle", "total": 1} | {"entry": entries} | {"z": [{"entry": []}]} | fields


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}])
def test_a_large_bundle_comes_in_pieces_that_hold_every_entry_once_and_in_order(
    layout: dict[str, Any],
) -> None:
    whole = large()
    found, fields = read(json.dumps(whole, **layout).encode())
    assert len(found) > 2
    assert max(sum(len(bytes(encode(each))) for each in piece) for piece in found) < 3 * CHUNK_BYTES
    assert [plain(each) for piece in found for each in piece] == whole["entry"]
    assert plain(fields) == whole | {"entry": []}


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "List", "entry": [{"item": {"display": "x" * 1000}}] * 100},
        {"entry": [entry(1)] * 200, "resourceType": "Bundle"},
        {"resourceType": "Bundle", "x": {"entry": [1]}, "text": "x" * CHUNK_BYTES, "entry": [entry(1)]},
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Bundle", "text": "x" * CHUNK_BYTES},
    ],
)
def test_whatever_is_no_bundle_that_says_so_first_stays_whole(body: dict[str, object]) -> None:
    found, fields = read(json.dumps(body).encode())
    assert found == []
    assert plain(fields) == body


def test_entries_of_one_shape_that_is_never_found_again_come_at_the_end() -> None:
    whole = large(0) | {"entry": [{"a": 1}] + [{"b": "x" * 900}] * 100}
    found, _ = read(json.dumps(whole).encode())
    assert [plain(each) for piece in found for each in piece] == whole["entry"]


def test_cuts_that_only_look_like_one_are_not_believed() -> None:
    deep = [entry(each, contained=[entry(0) for _ in range(300)]) for each in range(3)]
    found, _ = read(json.dumps(large(0) | {"entry": deep}).encode())
    assert [plain(each) for piece in found for each in piece] == deep


@pytest.mark.parametrize(
    "spoil",
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
def test_what_is_broken_anywhere_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableError):
        read(spoil(json.dumps(large()).encode()))


@given(st.lists(st.integers(0, 40_000), max_size=12), st.sampled_from(["}", "},{", '"', "\\", "},\n {"]))
def test_any_sizes_and_contents_come_whole(sizes: list[int], filling: str) -> None:
    entries = [{"fullUrl": str(size), "x": filling * (size // len(filling))} for size in sizes]
    found, fields = read(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
    given_back = [each for piece in found for each in piece] or array_objects(fields["entry"])
    assert [plain(each) for each in given_back] == entries
    assert string_value(fields["resourceType"]) == "Bundle"
