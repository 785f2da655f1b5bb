"""Questions about SQL Passthrough, and what their answers show."""

import json
from base64 import b64decode, b64encode

import msgspec
import pytest

from gateway.probe.sql_questions import (
    PROBED_BYTES,
    PROBED_TEXTS,
    QUESTION_TEXT,
    REQUEST_SIZES,
    SQL_QUESTIONS,
    UNREADABLE,
    Reading,
    SqlAnswer,
    SqlAnswers,
    binary_reading,
    largest_request,
    parse_answer,
    refused_request,
    takes_parameters,
    value_length,
)

ARRIVED = SqlAnswer(5, "0x0102FEFF0A")
REFUSED = SqlAnswer(refusal="sql-value")
UNDECLARED = SqlAnswer(refusal="sql-refused", is_undeclared=True)


def _body(data: object) -> bytes:
    return json.dumps({"result": {"data": data}}).encode()


def _rows(*rows: dict[str, object]) -> bytes:
    return _body(b64encode(json.dumps(rows).encode()).decode())


def _hex(value: bytes) -> SqlAnswer:
    return SqlAnswer(len(value), f"0x{value.hex()}")


def _sized(*sizes: int) -> dict[str, SqlAnswer]:
    return {f"size-{size}": SqlAnswer(value_length(size)) for size in sizes}


def test_answer_is_the_row_of_the_result() -> None:
    assert parse_answer(_rows({"bytes": 5, "hex": "0x0102FEFF0A"})) == ARRIVED
    assert parse_answer(_rows({"bytes": None, "hex": None})) == SqlAnswer(None, "")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        _body("not base64!"),
        _body("!" + b64encode(b'[{"bytes": 5}]').decode()),
        _body(b64encode(b"no rows").decode()),
        _rows(),
        _rows({}, {}),
        _rows({"bytes": "5"}),
    ],
)
def test_response_without_this_row_is_unreadable(body: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        parse_answer(body)


@pytest.mark.parametrize(
    ("form", "answer", "reading"),
    [
        ("hex", ARRIVED, "bytes"),
        ("base64", ARRIVED, "bytes"),
        ("hex", SqlAnswer(5, "0x0102feff0a"), "bytes"),
        ("hex", _hex(b64decode("0x0102FEFF0A")), "base64"),
        ("hex", _hex("0x0102FEFF0A".encode("utf-16-le")), "utf-16"),
        ("hex", _hex(b"0x0102FEFF0A"), "characters"),
        ("base64", _hex("AQL+/wo=".encode("utf-16-le")), "utf-16"),
        ("base64", _hex(b"AQL+/wo="), "characters"),
        ("base64", SqlAnswer(4, "0x0102FEFF"), "other"),
        ("base64", SqlAnswer(None, ""), "other"),
        ("hex", REFUSED, "refused"),
        ("hex", UNDECLARED, "undeclared"),
        ("hex", SqlAnswer(refusal=UNREADABLE), "unclear"),
    ],
)
def test_reading_follows_from_the_bytes(form: str, answer: SqlAnswer, reading: Reading) -> None:
    assert binary_reading({form: answer}, form) == reading


def test_form_without_an_answer_is_not_asked() -> None:
    assert binary_reading({}, "hex") == "unasked"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, None),
        ({"hex": ARRIVED}, True),
        ({"hex": REFUSED, "base64": ARRIVED}, True),
        ({"hex": REFUSED, "base64": REFUSED}, None),
        ({"hex": REFUSED, "base64": REFUSED, "integer": SqlAnswer(4, "7")}, True),
        ({"hex": UNDECLARED, "base64": REFUSED}, False),
        ({"hex": REFUSED, "base64": REFUSED, "integer": REFUSED}, None),
        ({"hex": REFUSED, "base64": REFUSED, "integer": REFUSED, **_sized(1_000_000)}, False),
        ({"integer": SqlAnswer(refusal=UNREADABLE), **_sized(1_000_000)}, None),
        ({"hex": REFUSED, "base64": REFUSED, **_sized(1_000_000)}, None),
        ({"hex": UNDECLARED, "base64": UNDECLARED}, False),
        (_sized(1_000_000), None),
    ],
)
def test_parameters_of_text_commands(answers: SqlAnswers, expected: bool | None) -> None:
    assert takes_parameters(answers) is expected


def test_largest_request_ends_before_the_first_refusal() -> None:
    answers = {**_sized(1_000_000, 2_000_000), "size-4000000": SqlAnswer(refusal="result-too-large")}
    assert largest_request(answers) == 2_000_000
    assert refused_request(answers) == (4_000_000, SqlAnswer(refusal="result-too-large"))
    assert (largest_request({}), refused_request({})) == (0, None)


def test_value_that_did_not_arrive_whole_is_a_refusal() -> None:
    answers = {"size-1000000": SqlAnswer(8_000)}
    assert largest_request(answers) == 0
    assert refused_request(answers) == (1_000_000, SqlAnswer(8_000))


def test_questions_ask_with_one_text_that_reads_no_table() -> None:
    for question in SQL_QUESTIONS:
        body = question.build_body({})
        assert body is not None
        command = json.loads(body)["command"]
        assert command["text"].rstrip(";").endswith(QUESTION_TEXT)
        assert " FROM " not in command["text"].upper()
        assert (command["type"], command["executionMode"]) == ("text", "reader")


def test_binary_questions_send_both_forms_of_the_same_bytes() -> None:
    sent = [json.loads(question.build_body({}) or b"")["command"] for question in SQL_QUESTIONS[:2]]
    assert [command["parameters"] for command in sent] == [
        [{"name": "@value", "direction": "input", "type": "VarBinary", "value": value}]
        for value in ("0x0102FEFF0A", "AQL+/wo=")
    ]
    assert bytes.fromhex(PROBED_TEXTS["hex"][2:]) == b64decode(PROBED_TEXTS["base64"]) == PROBED_BYTES


def test_integer_is_asked_only_if_no_binary_answer_shows_it() -> None:
    integer = next(question for question in SQL_QUESTIONS if question.id == "integer")
    assert integer.build_body({"hex": REFUSED, "base64": REFUSED}) is not None
    assert integer.build_body({"hex": ARRIVED}) is None
    assert integer.build_body({"hex": UNDECLARED}) is None


def test_requests_grow_until_the_first_refusal() -> None:
    sized = [question for question in SQL_QUESTIONS if question.request_size]
    assert [question.request_size for question in sized] == list(REQUEST_SIZES)
    for question in sized[:2]:
        body = question.build_body({}) or b""
        assert question.request_size - 2 <= len(body) <= question.request_size
        assert f"0x{'00' * value_length(question.request_size)};" in json.loads(body)["command"]["text"]
    assert sized[1].build_body({"size-1000000": REFUSED}) is None
