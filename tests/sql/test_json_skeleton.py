"""Strings of a body are found without decoding it; the rest is decoded as JSON says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.sql.json_skeleton import MAX_NAME, MAX_SKELETON, Skeleton
from gateway.sql.reasons import Reason, UnsuitableError

ODD = st.sampled_from(["\\", '"', "\ud83d", "\ude00", "\0", "\n", "é", "€", "😀", "\\ud83d", "u0041", "'"])
TEXTS = st.lists(ODD | st.text(st.characters(), max_size=20), max_size=20).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=12,
)


def body_of(value: Any, *, is_ascii: bool = True, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")


def read(skeleton: Skeleton, raw: Raw) -> Any:
    string = skeleton.string(raw)
    if string is not None:
        return "".join(string.pieces())
    match bytes(raw)[:1]:
        case b"{":
            return {name: read(skeleton, value) for name, value in skeleton.fields(raw).items()}
        case b"[":
            return [read(skeleton, item) for item in skeleton.items(raw)]
    return json.loads(bytes(raw))


def reason_of(body: bytes, piece: int = 65_536) -> Reason | None:
    try:
        Skeleton(body, piece).fields()
    except UnsuitableError as problem:
        return problem.reason
    return None


@given(value=VALUES, piece=st.integers(12, 40), indent=st.sampled_from([None, 1]))
def test_an_escaped_body_reads_as_by_a_whole_decoder(value: Any, piece: int, indent: int | None) -> None:
    body = body_of({"a": value}, indent=indent)
    try:
        found = read(Skeleton(body, piece), Skeleton(body, piece).fields()["a"])
    except UnsuitableError as problem:
        assert problem.reason is Reason.REPEATED_NAME  # noqa: PT017 - names that differ in capitals only
        return
    assert found == json.loads(body)["a"]


@given(text=TEXTS, piece=st.integers(12, 40))
def test_characters_and_surrogate_pairs_are_never_cut(text: str, piece: int) -> None:
    clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    for body, expected in (
        (body_of({"a": clean}, is_ascii=False), clean),
        (body_of({"a": text}), json.loads(body_of(text))),
    ):
        skeleton = Skeleton(body, piece)
        string = skeleton.string(skeleton.fields()["a"])
        assert string is not None
        assert "".join(string.pieces()) == expected
        assert string.size >= len(expected.encode("utf-16-le", "surrogatepass")) // 2


@given(text=TEXTS, at=st.integers(0, 200), byte=st.binary(min_size=1, max_size=2), piece=st.integers(12, 40))
def test_a_damaged_body_is_read_only_if_it_is_json(text: str, at: int, byte: bytes, piece: int) -> None:
    body = body_of({"a": text, "b": [1, {"c": text}]})
    at %= len(body)
    damaged = body[:at] + byte + body[at + 1 :]
    if reason_of(damaged, piece) is None:
        json.loads(damaged.decode("utf-8"), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"a', b'{"a":"\\', b'{"a":"\\u00', b'{"a":"\\x"}', b'{"a":"\n"}', b'{"a":"\x80"}',
        b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc3"}', b'{"a":NaN}', b'{"a":1,}', b'{"a" "b":1}', b'{"a":1} {}',
        b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16"), b"{a:1}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_json_is_left_alone(body: bytes) -> None:
    assert reason_of(body) is Reason.JSON


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null"])
def test_a_body_that_is_no_object_has_another_shape(body: bytes) -> None:
    assert reason_of(body) is Reason.SHAPE


@pytest.mark.parametrize("name", ["a", "A", "\\u0061"])
def test_a_name_twice_or_in_other_capitals_is_refused(name: str) -> None:
    assert reason_of(f'{{"a":1,"{name}":2}}'.encode()) is Reason.REPEATED_NAME


def test_a_long_escaped_run_of_high_surrogates_is_read() -> None:
    body = b'{"a":"' + rb"\ud83d" * 50_000 + b'"}'
    skeleton = Skeleton(body)
    string = skeleton.string(skeleton.fields()["a"])
    assert string is not None
    assert sum(map(len, string.pieces())) == 50_000


@pytest.mark.parametrize(
    "body",
    [
        b" " * (MAX_SKELETON + 1),
        b'{"a":' + b" " * MAX_SKELETON + b"1}",
        b'{"a":[' + b'"",' * MAX_SKELETON + b'""]}',
        b'{"' + b"n" * (MAX_NAME + 1) + b'":1}',
    ],
    ids=["space", "space within", "strings", "name"],
)
def test_a_body_of_too_many_parts_is_left_alone(body: bytes) -> None:
    assert reason_of(body) is Reason.COMPLEX


def test_the_span_of_an_object_is_that_in_the_body() -> None:
    body = '{"é" : [ {"n":"😀"}, {"n" : "b","x":{}} ]}'.encode()
    skeleton = Skeleton(body)
    spans = [skeleton.span(item) for item in skeleton.items(skeleton.fields()["é"])]
    assert [body[start:end] for start, end in spans] == ['{"n":"😀"}'.encode(), b'{"n" : "b","x":{}}']
