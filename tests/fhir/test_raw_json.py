"""Raw JSON objects, arrays and strings."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from support.cpu_time import least_cpu_seconds

from gateway.fhir.raw_json import (
    UnreadableError,
    array_items,
    array_objects,
    contains,
    decode_resource,
    has_surrogates,
    json_depth,
    object_fields,
    string_json,
    string_value,
    utf8_object_fields,
    without_lone_surrogates,
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
def test_repeated_name_is_rejected(body: bytes) -> None:
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
def test_unique_names_are_decoded_in_any_layout(body: bytes) -> None:
    assert len(object_fields(body)) == body.count(b":") - 2 * body.count(b'"c": 1')


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3)))
def test_array_objects_equal_object_fields_of_items(values: list[dict[str, object]]) -> None:
    for raw in (Raw(json.dumps(values, indent=indent).encode()) for indent in (None, 1)):
        assert array_objects(raw) == [object_fields(item) for item in array_items(raw)]
    assert array_objects(Raw(msgspec.json.encode(values))) == [
        object_fields(msgspec.json.encode(value)) for value in values
    ]


@pytest.mark.parametrize("array", [b'[{"a":1,"a":2}]', b'[{},{"\\u0061":1, "a":2}]', b"[{},1]", b"[", b"{}"])
def test_array_of_other_values_or_repeated_names_is_rejected(array: bytes) -> None:
    with pytest.raises(UnreadableError):
        array_objects(Raw(array))


def test_body_not_in_utf8_is_rejected() -> None:
    with pytest.raises(UnreadableError):
        utf8_object_fields(b'{"a":{"b":"\xff"}}')
    assert bytes(utf8_object_fields('{"a":"é"}'.encode())["a"]) == '"é"'.encode()


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        (b"", 0),
        (b"1", 0),
        (b"{}", 1),
        (b'{"a":[{}],"b":[]}', 3),
        (b'[[],[[]],{"a":1}]', 3),
        (b"[" * 500 + b"]" * 500, 500),
        (b'{"a":"[[["}', 1),
        (b'{"a":"","b":[""],"[":"]"}', 2),
        (rb'{"a":"\"[[","b":[]}', 2),
        (rb'{"a":"\\","b":[["[\\\"["]]}', 3),
        (rb'{"a":"\n\\\\","b":[[]]}', 3),
    ],
)
def test_depth_is_the_number_of_open_brackets(body: bytes, depth: int) -> None:
    assert json_depth(body) == depth


def depth_of(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)


MARKS = st.text('[]{}"\\,:a', max_size=8)


@given(st.recursive(MARKS, lambda inner: st.lists(inner) | st.dictionaries(MARKS, inner), max_leaves=20))
def test_depth_is_that_of_the_decoded_value(value: object) -> None:
    assert json_depth(json.dumps(value).encode()) == depth_of(value)


@pytest.mark.alone
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b"[" * 1_900_000 + b'"}',
        b'{"a":"' + b"{[]}" * 475_000 + b'"}',
        b'{"a":["' + b'\\"' * 950_000 + b'"]}',
        b'{"a":"' + b"\\\\" * 950_000 + b'"}',
        b'{"a":' + b'""' * 950_000,
    ],
    ids=["brackets", "pairs", "escaped quotes", "escaped backslashes", "quotes"],
)
def test_strings_of_2_mb_take_less_than_10_ms(body: bytes) -> None:
    assert least_cpu_seconds(lambda: json_depth(body), 0.010) < 0.010


def test_deep_nesting_keeps_bytes() -> None:
    deep = b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"
    assert bytes(object_fields(deep)["a"]) == b"[" * 100 + b"]" * 100


def test_value_that_is_not_string_is_empty_text() -> None:
    assert [string_value(raw) for raw in (None, Raw(b"3"), string_json("é"))] == ["", "", "é"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'"\ud800"', rb'"\ufffd"'),
        (rb'"\uDFFF\uD83D\uDE00"', rb'"\ufffd\uD83D\uDE00"'),
        (rb'"\udc00\ud800"', rb'"\ufffd\ufffd"'),
        (rb'"\ud800\ud800\udc00"', rb'"\ufffd\ud800\udc00"'),
        (rb'"\ud800\\udc00"', rb'"\ufffd\\udc00"'),
        (rb'"\\ud800"', rb'"\\ud800"'),
        (rb'"\\\ud800"', rb'"\\\ufffd"'),
    ],
)
def test_only_lone_surrogates_are_replaced(text: bytes, expected: bytes) -> None:
    assert without_lone_surrogates(text) == expected


@given(st.lists(st.sampled_from([r"\ud800", r"\uDC00", r"\\", r"\"", "a", r"\u0041", "ud800"]), max_size=12))
def test_text_without_lone_surrogates_can_be_decoded(parts: list[str]) -> None:
    text = f'"{"".join(parts)}"'.encode()
    found = msgspec.json.decode(without_lone_surrogates(text))
    assert (
        found == json.loads(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        or "\ufffd" in found
    )


@given(
    st.integers(65_520, 65_560),
    st.lists(st.sampled_from([r"\ud800", r"\udc00", r"\\", r"\"", '","']), max_size=9),
)
def test_large_text_is_repaired_as_a_small_one(size: int, parts: list[str]) -> None:
    text = "".join(parts).encode()
    assert without_lone_surrogates(b"x" * size + text) == b"x" * size + without_lone_surrogates(text)


@pytest.mark.parametrize(
    "text", [rb"\n" * 500_000 + rb"\ud83d\ude00", rb"\ud83d\ude00" * 100_000, b"\\" * 1_000_000]
)
def test_escapes_cost_little(text: bytes) -> None:
    assert least_cpu_seconds(lambda: without_lone_surrogates(text + rb"ud800"), 0.1) < 0.1


def test_text_without_surrogates_is_the_same_object() -> None:
    text = b'{"a":"b"}'
    assert without_lone_surrogates(text) is text


@pytest.mark.parametrize("number", ["1e999", "-1e999", "123456789e987654321"])
def test_number_beyond_any_float_is_infinite(number: str) -> None:
    assert abs(decode_resource(f'{{"a":{number},"b":"c"}}'.encode())["a"]) == float("inf")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"a":' + b"[" * 99_999, b'{"a":1e999,"b":}'])
def test_unreadable_resource_is_not_decoded(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode_resource(body)


def test_null_is_an_empty_array() -> None:
    assert (array_items(Raw(b"null")), array_objects(Raw(b"null"))) == ([], [])


@pytest.mark.parametrize("place", [0, 1, 65_530, 65_535, 65_536, 65_537, 131_070, 200_000 - 6])
def test_word_is_found_wherever_pieces_of_the_body_end(place: int) -> None:
    body = b" " * place + b"\\ud83d" + b" " * (200_000 - 6 - place)
    assert contains(body, b"\\ud83d")
    assert has_surrogates(body)
    assert not contains(body, b"\\ud83e")
    assert not has_surrogates(body.replace(b"ud", b"ue"))


def test_empty_body_contains_no_word() -> None:
    assert not contains(b"", b"x")
    assert not has_surrogates(b"")
