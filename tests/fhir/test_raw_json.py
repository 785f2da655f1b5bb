import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.fhir.raw_json import (
    UnreadableError,
    array_items,
    array_objects,
    object_fields,
    string_json,
    string_value,
    utf8_object_fields,
)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{ "a" : 1 , "b": 3, "a" : 2 }',
        b'{"a":1,"\\u0061":2}',
        b'{"\xc3\xa9":1,"\xc3\xa9":1}',
    ],
)
def test_a_name_given_twice_is_refused_rather_than_half_lost(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        object_fields(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"{ }",
        b'{"a":1}',
        b'{\n "a": [1, 2],\n "b": {"c": 1, "c": 2}}',
        b'{"\\u0061":1}',
        '{"é": 1}'.encode(),
    ],
)
def test_names_given_once_are_kept_whatever_the_layout(body: bytes) -> None:
    assert len(object_fields(body)) == body.count(b":") - 2 * body.count(b'"c": 1')


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3)))
def test_the_objects_of_an_array_are_those_opened_one_by_one(values: list[dict[str, object]]) -> None:
    for raw in (Raw(json.dumps(values, indent=each).encode()) for each in (None, 1)):
        assert array_objects(raw) == [object_fields(each) for each in array_items(raw)]
    assert array_objects(Raw(msgspec.json.encode(values))) == [
        object_fields(msgspec.json.encode(each)) for each in values
    ]


@pytest.mark.parametrize("array", [b'[{"a":1,"a":2}]', b'[{},{"\\u0061":1, "a":2}]', b"[{},1]", b"[", b"{}"])
def test_an_array_of_anything_but_objects_with_each_name_once_is_refused(array: bytes) -> None:
    with pytest.raises(UnreadableError):
        array_objects(Raw(array))


def test_bytes_that_are_no_utf_8_are_refused_wherever_they_stand() -> None:
    with pytest.raises(UnreadableError):
        utf8_object_fields(b'{"a":{"b":"\xff"}}')
    assert bytes(utf8_object_fields('{"a":"é"}'.encode())["a"]) == '"é"'.encode()


def test_deep_nesting_neither_crashes_nor_changes() -> None:
    deep = b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"
    assert bytes(object_fields(deep)["a"]) == b"[" * 100 + b"]" * 100


def test_only_a_json_string_is_text() -> None:
    assert [string_value(each) for each in (None, Raw(b"3"), string_json("é"))] == ["", "", "é"]
