"""Reading of upstream error bodies: each dialect names the forms that its upstream sends (`Envelope`).

Reading takes any bytes and never raises. Forms that several upstreams share: `envelopes.py`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from gateway.errors.error_words import VOCABULARY, word_parts
from gateway.errors.known_names import is_known_name
from gateway.fhir.raw_json import without_lone_surrogates
from gateway.upstreams.error_rule import Shape, UpstreamError

#: Maximum bytes of an error body that are read: no known upstream sends a longer error.
MAX_ERROR_BODY_BYTES = 256 * 1024

_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)
#: Content of a body: a JSON object, any JSON object or array, markup, other text, or nothing.
_Content = Literal["object", "json", "html", "text", "empty"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One form of error bodies: `matches` recognises it, `parse` reads it.

    Both get the fields of a JSON object if `content` is `object`, the decoded value if it is `json`, else the
    text. The first envelope of a dialect that matches counts.
    """

    shape: Shape
    parse: Callable[[Any], UpstreamError]
    matches: Callable[[Any], bool] = lambda _: True
    content: _Content = "object"


def parse_upstream_error(body: bytes, envelopes: Iterable[Envelope]) -> UpstreamError:
    """Read an error body in one of the forms; the result has the shape `unknown` if it has none of them."""
    read = without_lone_surrogates(body[:MAX_ERROR_BODY_BYTES])
    text = read.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").rstrip()
    content = _content_of(text)
    try:
        value = msgspec.json.decode(text) if content == "json" else text
    except _DECODE_ERRORS:
        return UpstreamError("truncated")
    return _parse_content(value, content, envelopes)


def _content_of(text: str) -> _Content:
    if not text:
        return "empty"
    return "json" if text[0] in "{[" else "html" if text[0] == "<" else "text"


def _parse_content(value: Any, content: _Content, envelopes: Iterable[Envelope]) -> UpstreamError:
    contents = {content, "object"} if isinstance(value, dict) else {content}
    errors = (
        envelope.parse(value)
        for envelope in envelopes
        if envelope.content in contents and envelope.matches(value)
    )
    return next(errors, UpstreamError("unknown"))


#: Maximum characters of a message; the gateway discards the rest.
MAX_MESSAGE_LENGTH = 1_000
_CODE_FIELD = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def text_field(value: Any) -> str:
    """Text on one printable line of at most 1,000 characters; empty for any other type."""
    if not isinstance(value, str):
        return ""
    line = "".join(char if char.isprintable() else " " for char in value[: 2 * MAX_MESSAGE_LENGTH])
    return " ".join(line.split())[:MAX_MESSAGE_LENGTH]


def code_field(value: Any) -> str:
    """Code: a number or a short word without spaces; empty for any other value."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if len(text) <= 80 and _CODE_FIELD.fullmatch(text) else ""  # noqa: PLR2004 - as in the pattern


def int_field(value: Any) -> int:
    """Return a number of at most nine digits, also if written as text; 0 for any other value."""
    text = code_field(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - far above any status


_SEVERITIES = ("fatal", "error", "warning", "information")
_MAX_ISSUES = 5
_SYSTEM = re.compile(r"(?:https?://|urn:)[A-Za-z0-9./_:#\-]{1,150}")
_CODE = re.compile(r"-?\d{1,6}|MSG_[A-Z_]{1,60}|[a-z]+(?:-[a-z]+){0,6}")
_PATH = re.compile(r"(?:http|[A-Z][A-Za-z]{1,63})(?:(?:\.[a-z_][A-Za-z-]{0,63})|\[\d{1,3}\])*")


def parse_operation_outcome(outcome: Mapping[str, Any]) -> UpstreamError:
    """Parse an OperationOutcome; its most severe issue comes first."""
    issues = sorted(_array_objects(outcome.get("issue")), key=_severity_rank)[:_MAX_ISSUES]
    texts = dict.fromkeys(filter(None, map(issue_text, issues)))
    codings = dict.fromkeys(coding for issue in issues for coding in _valid_codings(issue))
    return UpstreamError(
        "outcome",
        message=text_field("; ".join(texts)),
        issue=code_field(issues[0].get("code")) if issues else "",
        expression=next(filter(None, map(_valid_expression, issues)), ""),
        codings=tuple(codings)[:_MAX_ISSUES],
    )


def is_failure_outcome(outcome: Mapping[str, Any]) -> bool:
    """Whether an OperationOutcome reports a failure; without a readable issue it does."""
    issues = _array_objects(outcome.get("issue"))
    return not issues or any(_severity_rank(issue) <= _SEVERITIES.index("error") for issue in issues)


def _severity_rank(issue: Mapping[str, Any]) -> int:
    severity = issue.get("severity")
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 1


def issue_text(issue: Mapping[str, Any]) -> str:
    """Text of one issue: `details.text`, `diagnostics`, or both joined by a colon."""
    details = issue.get("details")
    text = text_field(details.get("text")) if isinstance(details, dict) else ""
    diagnostics = text_field(issue.get("diagnostics"))
    return f"{text}: {diagnostics}" if text and diagnostics else text or diagnostics


def _valid_codings(issue: Mapping[str, Any]) -> list[tuple[str, str]]:
    details = issue.get("details")
    codings = _array_objects(details.get("coding")) if isinstance(details, dict) else ()
    pairs = [(text_field(coding.get("system")), code_field(coding.get("code"))) for coding in codings]
    return [(system, code) for system, code in pairs if _is_public(code) and _SYSTEM.fullmatch(system)]


def _is_public(code: str) -> bool:
    """Whether a code is a number, one of FHIR's messages, or consists of words of errors."""
    is_code = _CODE.fullmatch(code) is not None
    return is_code and (code.startswith("MSG_") or VOCABULARY.issuperset(word_parts(code)))


def _valid_expression(issue: Mapping[str, Any]) -> str:
    paths = issue.get("expression") or issue.get("location") or ()
    first = text_field(paths[0]) if isinstance(paths, list) and paths else ""
    path = _PATH.fullmatch(first)
    return first if path and is_known_name(first.removeprefix("http.")) else ""


def _array_objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()
