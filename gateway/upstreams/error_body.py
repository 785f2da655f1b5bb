"""Parsers of upstream error bodies, one per shape, in the order in which the shapes are recognised.

Parsers take any bytes and never raise. Shapes: Halo's troubleshooting guide and OpenAPI file, Azure API
Management, Health Gorilla's and HaloITSM's error pages, RFC 9457, R4 operationoutcome.html.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors.error_words import VOCABULARY, word_parts
from gateway.errors.known_names import is_known_name
from gateway.fhir.raw_json import without_lone_surrogates
from gateway.upstreams.error_rule import Shape, UpstreamError

#: Maximum bytes of an error body that are read: no known upstream sends a longer error.
MAX_ERROR_BODY_BYTES = 256 * 1024

#: States of a SQL query that did not run, or whose result is lost; Halo gives no further error.
FAILED_STATES = (
    "initialisationFailedCacheError",
    "initialisationFailedSiteOffline",
    "initialisationFailedSiteUnreachable",
    "expiredInQueue",
    "uploadFailed",
)
_Object = Mapping[str, Any]
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


def parse_upstream_error(body: bytes) -> UpstreamError:
    """Parse an error body; the result has the shape `unknown` if no parser recognises it."""
    read = without_lone_surrogates(body[:MAX_ERROR_BODY_BYTES])
    text = read.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").rstrip()
    if not text:
        return UpstreamError("empty")
    if text[0] in "{[":
        return _parse_json(text)
    return _parse_html(text) if text[0] == "<" else _parse_text(text)


def _parse_json(text: str) -> UpstreamError:
    try:
        value = msgspec.json.decode(text)
    except _DECODE_ERRORS:
        return UpstreamError("truncated")
    return _parse_object(value) if isinstance(value, dict) else UpstreamError("unknown")


def _parse_object(fields: _Object) -> UpstreamError:
    errors = (parse(fields) for matches, parse in _PARSERS if matches(fields))
    return next(errors, UpstreamError("unknown"))


def _parse_html(text: str) -> UpstreamError:
    title = re.search(r"(?is)<(title|h1)[^>]*>(.{1,200}?)</\1>", text[:4_000])
    return UpstreamError("html", message=text_field(title[2]) if title else "")


def _parse_text(text: str) -> UpstreamError:
    plain = text_field(text)
    return UpstreamError("text", message=plain) if "\ufffd" not in plain else UpstreamError("unknown")


def _parse_details(fields: _Object) -> UpstreamError:
    inner = fields["errorDetails"]
    return _query_error("details", inner.get("errorType"), inner.get("errorCode"), inner.get("errorMessage"))


def _parse_root(fields: _Object) -> UpstreamError:
    return _query_error("root", fields.get("errorType"), fields.get("errorCode"), fields.get("errorMessage"))


def _query_error(shape: Shape, kind: Any, code: Any, message: Any) -> UpstreamError:
    kind = code_field(kind).lower()
    status = int_field(code) if kind in {"", "http"} else 0
    return UpstreamError(
        shape, status, error_type=kind, error_code=code_field(code), message=text_field(message)
    )


def _parse_wrapped(fields: _Object) -> UpstreamError:
    return _status_error("wrapped", fields["error"])


def _parse_flat(fields: _Object) -> UpstreamError:
    return _status_error("flat", fields)


def _status_error(shape: Shape, fields: _Object) -> UpstreamError:
    return UpstreamError(
        shape,
        int_field(fields.get("status")),
        exception=_exception_name(fields),
        status_text=text_field(fields.get("statusText")),
        message=text_field(fields.get("message")),
    )


def _parse_apim(fields: _Object) -> UpstreamError:
    status, message = int_field(fields.get("statusCode")), text_field(fields.get("message"))
    return UpstreamError("apim", status, exception=_exception_name(fields), message=message)


def _parse_result(fields: _Object) -> UpstreamError:
    code, message = code_field(fields.get("resultCode")), text_field(fields.get("errorMessage"))
    return UpstreamError("result", error_code=code, message=message)


def _parse_exception(fields: _Object) -> UpstreamError:
    return UpstreamError(
        "exception", exception=code_field(fields["ClassName"]), message=text_field(fields.get("Message"))
    )


def _parse_message(fields: _Object) -> UpstreamError:
    message = text_field(fields.get("Message", fields.get("message")))
    return UpstreamError("message", exception=_exception_name(fields), message=message)


def _parse_oauth(fields: _Object) -> UpstreamError:
    code, message = code_field(fields["error"]), text_field(fields.get("error_description", fields["error"]))
    return UpstreamError("oauth", error_code=code, message=message)


def _parse_problem(fields: _Object) -> UpstreamError:
    message = text_field(fields.get("detail") or fields.get("title"))
    return UpstreamError("problem", int_field(fields.get("status")), message=message)


def _parse_state(fields: _Object) -> UpstreamError:
    return UpstreamError("state", error_code=fields["status"])


def _parse_resource(_: _Object) -> UpstreamError:
    return UpstreamError("resource")


def _exception_name(fields: _Object) -> str:
    names = (code_field(fields.get(name)) for name in ("exception", "reason", "errorName", "code"))
    return next(filter(None, names), "")


def _has_fields(*names: str) -> Callable[[_Object], bool]:
    return lambda fields: all(name in fields for name in names)


def _has_field_of_type(name: str, kind: type) -> Callable[[_Object], bool]:
    return lambda fields: isinstance(fields.get(name), kind)


def _is_operation_outcome(fields: _Object) -> bool:
    return fields.get("resourceType") == "OperationOutcome"


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


_PARSERS: tuple[tuple[Callable[[_Object], bool], Callable[[_Object], UpstreamError]], ...] = (
    (_is_operation_outcome, parse_operation_outcome),
    (_has_field_of_type("errorDetails", dict), _parse_details),
    (_has_fields("resultCode", "errorMessage"), _parse_result),
    (lambda fields: bool(fields.get("errorCode") or fields.get("errorMessage")), _parse_root),
    (lambda fields: fields.get("status") == "executionFailed", _parse_root),
    (lambda fields: fields.get("status") in FAILED_STATES, _parse_state),
    (_has_field_of_type("resourceType", str), _parse_resource),
    (_has_field_of_type("error", dict), _parse_wrapped),
    (_has_fields("statusCode", "message"), _parse_apim),
    (_has_fields("status", "message"), _parse_flat),
    (_has_fields("ClassName"), _parse_exception),
    (_has_field_of_type("error", str), _parse_oauth),
    (lambda fields: "title" in fields and ("status" in fields or "detail" in fields), _parse_problem),
    (lambda fields: isinstance(fields.get("Message", fields.get("message")), str), _parse_message),
)
