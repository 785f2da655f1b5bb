"""Questions of a probe about SQL Passthrough: queries that only read, and what their answers show."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from gateway.fhir.raw_json import decode_readable

#: Text of every question. It reads no table.
QUESTION_TEXT: Final = "SELECT DATALENGTH(@value) AS bytes, CONVERT(varchar(100), @value, 1) AS hex"
#: Value of the questions about encodings. As `0x…` it has 12 characters, which are base64 of 9 other bytes.
PROBED_BYTES: Final = bytes.fromhex("0102FEFF0A")
#: The two forms of it that the gateway reads in a binary parameter.
PROBED_TEXTS: Final = {"hex": f"0x{PROBED_BYTES.hex().upper()}", "base64": b64encode(PROBED_BYTES).decode()}
#: Sizes of the requests that grow, in bytes. A document of 3 MB needs 6 MB in SQL text.
REQUEST_SIZES: Final = tuple(megabytes * 1_000_000 for megabytes in (1, 2, 4, 8, 16))

#: What a site makes of the text of a binary parameter.
Reading = Literal[
    "bytes", "base64", "utf-16", "characters", "other", "refused", "undeclared", "unclear", "unasked"
]


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """The value that arrived, as SQL Server states it, or why there is none.

    `refusal`: code of the failure. `is_undeclared`: the database does not know the parameter (error 137).
    """

    length: int | None = None
    hex: str = ""
    refusal: str = ""
    is_undeclared: bool = False


SqlAnswers = Mapping[str, SqlAnswer]


@dataclass(frozen=True, slots=True)
class SqlQuestion:
    """A query: the builder of its body, which returns None if the answers make it needless."""

    id: str
    build_body: Callable[[SqlAnswers], bytes | None]
    request_size: int = 0


class _Row(msgspec.Struct):
    bytes: int | None = None
    hex: str | None = None


class _Result(msgspec.Struct):
    data: str


class _Query(msgspec.Struct):
    result: _Result


_decode_query = msgspec.json.Decoder(_Query).decode


def parse_answer(body: bytes) -> SqlAnswer:
    """Parse the response to a question. Raises msgspec.MsgspecError or ValueError if it has no such row."""
    data = b64decode(decode_readable(body, _decode_query).result.data, validate=True)
    rows = msgspec.json.decode(data, type=list[_Row])
    if len(rows) != 1:
        raise ValueError("one row was expected")
    return SqlAnswer(rows[0].bytes, rows[0].hex or "")


def binary_reading(answers: SqlAnswers, form: str) -> Reading:
    """Return what the site makes of a binary parameter in one of the forms of `PROBED_TEXTS`."""
    answer = answers.get(form)
    if answer is None:
        return "unasked"
    return _failed_reading(answer) or _readings(PROBED_TEXTS[form]).get(answer.hex.upper(), "other")


def _failed_reading(answer: SqlAnswer) -> Reading | None:
    """Return why no value arrived; None if one did."""
    if answer.is_undeclared:
        return "undeclared"
    if answer.refusal:
        return "refused" if answer.refusal != UNREADABLE else "unclear"
    return None


#: `SqlAnswer.refusal` of a response without the row.
UNREADABLE: Final = "unreadable"


def _readings(text: str) -> dict[str, Reading]:
    """Return the readings of a text by the hex of the bytes that they give."""
    values: dict[Reading, bytes] = {
        "utf-16": text.encode("utf-16-le"),
        "characters": text.encode(),
        "base64": b64decode(text),
        "bytes": PROBED_BYTES,
    }
    return {f"0X{value.hex().upper()}": reading for reading, value in values.items()}


def takes_parameters(answers: SqlAnswers) -> bool | None:
    """Whether a command of type text takes parameters; None if no answer shows it.

    It takes none if the database does not know them, or if only the text without a parameter was accepted.
    """
    found = [answers[id_] for id_ in ("hex", "base64", "integer") if id_ in answers]
    if any(answer.length is not None for answer in found):
        return True
    is_integer_refused = "integer" in answers and _failed_reading(answers["integer"]) == "refused"
    is_only_text_accepted = is_integer_refused and largest_request(answers) > 0
    return False if is_only_text_accepted or any(answer.is_undeclared for answer in found) else None


def largest_request(answers: SqlAnswers) -> int:
    """Return the size of the largest request whose value arrived whole; 0 without one."""
    return max((size for size in REQUEST_SIZES if _is_whole(answers.get(f"size-{size}"), size)), default=0)


def refused_request(answers: SqlAnswers) -> tuple[int, SqlAnswer] | None:
    """Return the size of the first request that failed, and its answer."""
    asked = ((size, answers.get(f"size-{size}")) for size in REQUEST_SIZES)
    return next(
        ((size, answer) for size, answer in asked if answer is not None and not _is_whole(answer, size)), None
    )


def _is_whole(answer: SqlAnswer | None, request_size: int) -> bool:
    return answer is not None and answer.length == value_length(request_size)


def value_length(request_size: int) -> int:
    """Length of the value in a request of this size, in bytes: each needs two characters of SQL text."""
    return (request_size - len(_literal_body(0))) // 2


def _literal_body(length: int) -> bytes:
    text = f"DECLARE @value varbinary(max);\nSET @value = 0x{'00' * length};\n{QUESTION_TEXT};"
    return _command(text)


def _command(text: str, parameters: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Body of an immediate query, whose parameters are all named `@value`: pairs of type and value."""
    items = [
        {"name": "@value", "direction": "input", "type": type_, "value": value} for type_, value in parameters
    ]
    command = {"text": text, "type": "text", "executionMode": "reader", "parameters": items}
    return json.dumps({"command": command}).encode()


def _ask_binary(form: str) -> Callable[[SqlAnswers], bytes]:
    return lambda _: _command(QUESTION_TEXT, (("VarBinary", PROBED_TEXTS[form]),))


def _ask_integer(answers: SqlAnswers) -> bytes | None:
    """Ask for parameters of another type, if no binary one shows whether a text command takes any."""
    return _command(QUESTION_TEXT, (("Int", "7"),)) if takes_parameters(answers) is None else None


def _ask_size(request_size: int) -> Callable[[SqlAnswers], bytes | None]:
    def build_body(answers: SqlAnswers) -> bytes | None:
        return None if refused_request(answers) else _literal_body(value_length(request_size))

    return build_body


#: All questions, the cheap ones first.
SQL_QUESTIONS: Final = (
    SqlQuestion("hex", _ask_binary("hex")),
    SqlQuestion("base64", _ask_binary("base64")),
    SqlQuestion("integer", _ask_integer),
    *(SqlQuestion(f"size-{size}", _ask_size(size), size) for size in REQUEST_SIZES),
)
