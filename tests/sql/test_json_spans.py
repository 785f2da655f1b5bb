"""Spans of JSON values: the same as those of a decoder, and an end on broken text."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.json_spans import MAX_STEPS, JsonText, Span, SpanError, item_spans, member_spans, value_end

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def value_at(text: bytes, span: Span) -> Any:
    return json.loads(text[span.start : span.end])


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_members_are_those_of_a_decoder(value: Any, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    found = {
        json.loads(b'"%b"' % name): value_at(text, span) for name, span in member_spans(JsonText(text), 0)
    }
    assert found == value


@given(st.lists(JSON, max_size=5), st.sampled_from([None, 1]))
def test_items_are_those_of_a_decoder(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent).encode()
    assert [value_at(text, span) for span in item_spans(JsonText(text), 0)] == value


@pytest.mark.parametrize("part", ['"', "\\", "a", "\u20ac", "[", " "])
@pytest.mark.parametrize("size", [65_534, 65_535, 65_536, 65_537, 200_000])
def test_value_may_be_longer_than_a_piece(part: str, size: int) -> None:
    value = {"a": part * size, "b": [1] * size, "c": int("1" * 4_000)}
    text = json.dumps(value).replace(", ", "," + " " * 70_000, 2).encode()
    assert {name.decode(): value_at(text, span) for name, span in member_spans(JsonText(text), 0)} == value


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a', b'{"a"', b'{"a":', b'{"a":"', b'{"a":"\\', b'{"a":[1,"', b"[1]"]
)
def test_incomplete_object_is_an_error(text: bytes) -> None:
    with pytest.raises(SpanError):
        list(member_spans(JsonText(text), 0))


@given(st.text('{}[]":,\\ a1', max_size=30))
def test_any_text_ends(text: str) -> None:
    for spans in (member_spans, item_spans):
        with suppress(SpanError):
            assert len(list(spans(JsonText(text.encode()), 0))) <= len(text)


def test_end_of_a_value_is_behind_it() -> None:
    assert value_end(JsonText(b'{"a": "}"} , '), 0) == 10
    assert value_end(JsonText(b"-1.5e3, "), 0) == 6


@pytest.mark.parametrize(
    "text", [b"[" + b"1," * 100 + b"1]", b"[" + b"[]," * 100 + b"1]", b"[[" + b" " * 7_000_000]
)
def test_search_ends_after_its_number_of_steps(text: bytes) -> None:
    with pytest.raises(SpanError):
        list(item_spans(JsonText(text, max_steps=100), 0))


def test_steps_suffice_for_a_long_string() -> None:
    text = b'["' + b"A" * 64_000_000 + b'"]'
    assert len(list(item_spans(JsonText(text, max_steps=MAX_STEPS // 1_000), 0))) == 1
