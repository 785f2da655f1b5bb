"""Error bodies -> UpstreamError: one reader per shape, in the order in which the shapes are recognised.

Readers take any bytes and never raise. Shapes: Halo's troubleshooting guide and OpenAPI file, Azure API
Management, Health Gorilla's and HaloITSM's error pages, RFC 9457, R4 operationoutcome.html.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.upstreams.error_rule import Shape, UpstreamError

#: An error body longer than this is not read: no upstream explains itself at such length.
LONGEST_ENVELOPE = 256 * 1024

_Object = Mapping[str, Any]
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


def upstream_error(body: bytes) -> UpstreamError:
    """What an error body says; the shape `unknown` when it says nothing we know."""
    text = body[:LONGEST_ENVELOPE].decode("utf-8", "replace").lstrip("\ufeff \t\r\n").rstrip()
    if not text:
        return UpstreamError("empty")
    if text[0] in "{[":
        return _json(text)
    return _html(text) if text[0] == "<" else _text(text)


def _json(text: str) -> UpstreamError:
    try:
        found = msgspec.json.decode(text)
    except _UNREADABLE:
        return UpstreamError("truncated")
    return _object(found) if isinstance(found, dict) else UpstreamError("unknown")


def _object(found: _Object) -> UpstreamError:
    errors = (read(found) for recognised, read in _READERS if recognised(found))
    return next(errors, UpstreamError("unknown"))


def _html(text: str) -> UpstreamError:
    title = re.search(r"(?is)<(title|h1)[^>]*>(.{1,200}?)</\1>", text[:4_000])
    return UpstreamError("html", message=words(title[2]) if title else "")


def _text(text: str) -> UpstreamError:
    plain = words(text)
    return UpstreamError("text", message=plain) if "\ufffd" not in plain else UpstreamError("unknown")


def _details(found: _Object) -> UpstreamError:
    inner = found["errorDetails"]
    return _query_error("details", inner.get("errorType"), inner.get("errorCode"), inner.get("errorMessage"))


def _root(found: _Object) -> UpstreamError:
    return _query_error("root", found.get("errorType"), found.get("errorCode"), found.get("errorMessage"))


def _query_error(shape: Shape, kind: Any, code: Any, message: Any) -> UpstreamError:
    kind = token(kind).lower()
    status = number(code) if kind in {"", "http"} else 0
    return UpstreamError(shape, status, error_type=kind, error_code=token(code), message=words(message))


def _wrapped(found: _Object) -> UpstreamError:
    return _status_error("wrapped", found["error"])


def _flat(found: _Object) -> UpstreamError:
    return _status_error("flat", found)


def _status_error(shape: Shape, found: _Object) -> UpstreamError:
    return UpstreamError(
        shape,
        number(found.get("status")),
        exception=_exception(found),
        status_text=words(found.get("statusText")),
        message=words(found.get("message")),
    )


def _apim(found: _Object) -> UpstreamError:
    status, message = number(found.get("statusCode")), words(found.get("message"))
    return UpstreamError("apim", status, exception=_exception(found), message=message)


def _result(found: _Object) -> UpstreamError:
    code, message = token(found.get("resultCode")), words(found.get("errorMessage"))
    return UpstreamError("result", error_code=code, message=message)


def _thrown(found: _Object) -> UpstreamError:
    return UpstreamError(
        "exception", exception=token(found["ClassName"]), message=words(found.get("Message"))
    )


def _message(found: _Object) -> UpstreamError:
    said = found.get("Message", found.get("message"))
    return UpstreamError("message", exception=_exception(found), message=words(said))


def _oauth(found: _Object) -> UpstreamError:
    code, message = token(found["error"]), words(found.get("error_description", found["error"]))
    return UpstreamError("oauth", error_code=code, message=message)


def _problem(found: _Object) -> UpstreamError:
    message = words(found.get("detail") or found.get("title"))
    return UpstreamError("problem", number(found.get("status")), message=message)


def _resource(_: _Object) -> UpstreamError:
    return UpstreamError("resource")


def _exception(found: _Object) -> str:
    names = (token(found.get(name)) for name in ("exception", "reason", "errorName", "code"))
    return next(filter(None, names), "")


def _has(*names: str) -> Callable[[_Object], bool]:
    return lambda found: all(name in found for name in names)


def _holds(name: str, kind: type) -> Callable[[_Object], bool]:
    return lambda found: isinstance(found.get(name), kind)


def _outcome(found: _Object) -> bool:
    return found.get("resourceType") == "OperationOutcome"


#: Characters of a message that are kept.
LONGEST_MESSAGE = 1_000
_TOKEN = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def words(value: Any) -> str:
    """A text field on one line, printable, at most 1,000 characters; empty for anything else."""
    if not isinstance(value, str):
        return ""
    line = "".join(each if each.isprintable() else " " for each in value[: 2 * LONGEST_MESSAGE])
    return " ".join(line.split())[:LONGEST_MESSAGE]


def token(value: Any) -> str:
    """A code: a number or a short word without spaces; empty for anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if len(text) <= 80 and _TOKEN.fullmatch(text) else ""  # noqa: PLR2004 - as in the pattern


def number(value: Any) -> int:
    """A small number, also if written as text; 0 for anything else."""
    text = token(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - far above any status


_GRAVITY = ("fatal", "error", "warning", "information")
_MOST = 5
_SYSTEM = re.compile(r"(?:https?://|urn:)[A-Za-z0-9./_:#\-]{1,150}")
_CODE = re.compile(r"-?\d{1,6}|MSG_[A-Z_]{1,60}|[a-z]+(?:-[a-z]+){0,6}")
_PATH = re.compile(r"(?:http|(?P<type>[A-Z][A-Za-z]{1,63}))(?:(?:\.[a-z_][A-Za-z]{0,63})|\[\d{1,4}\])*")


def operation_outcome(found: Mapping[str, Any]) -> UpstreamError:
    """What an OperationOutcome says; its gravest issue comes first."""
    issues = sorted(_objects(found.get("issue")), key=_gravity)[:_MOST]
    texts = dict.fromkeys(filter(None, (said(each) for each in issues)))
    codings = dict.fromkeys(pair for each in issues for pair in _codings(each))
    return UpstreamError(
        "outcome",
        message=words("; ".join(texts)),
        issue=token(issues[0].get("code")) if issues else "",
        expression=next(filter(None, (_expression(each) for each in issues)), ""),
        codings=tuple(codings)[:_MOST],
    )


def fails(found: Mapping[str, Any]) -> bool:
    """Whether an OperationOutcome reports a failure; one without a readable issue does."""
    issues = _objects(found.get("issue"))
    return not issues or any(_gravity(each) <= _GRAVITY.index("error") for each in issues)


def _gravity(issue: Mapping[str, Any]) -> int:
    severity = issue.get("severity")
    return _GRAVITY.index(severity) if severity in _GRAVITY else 1


def said(issue: Mapping[str, Any]) -> str:
    """The words of one issue, wherever the upstream puts them."""
    details = issue.get("details")
    text = words(details.get("text")) if isinstance(details, dict) else ""
    diagnostics = words(issue.get("diagnostics"))
    return f"{text}: {diagnostics}" if text and diagnostics else text or diagnostics


def _codings(issue: Mapping[str, Any]) -> list[tuple[str, str]]:
    details = issue.get("details")
    codings = _objects(details.get("coding")) if isinstance(details, dict) else ()
    pairs = [(words(each.get("system")), token(each.get("code"))) for each in codings]
    return [(system, code) for system, code in pairs if _CODE.fullmatch(code) and _SYSTEM.fullmatch(system)]


def _expression(issue: Mapping[str, Any]) -> str:
    paths = issue.get("expression") or issue.get("location") or ()
    first = words(paths[0]) if isinstance(paths, list) and paths else ""
    path = _PATH.fullmatch(first)
    return first if path and path["type"] in {None, *RESOURCE_TYPES} else ""


def _objects(found: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else ()


_READERS: tuple[tuple[Callable[[_Object], bool], Callable[[_Object], UpstreamError]], ...] = (
    (_outcome, operation_outcome),
    (_holds("errorDetails", dict), _details),
    (_has("resultCode", "errorMessage"), _result),
    (lambda found: bool(found.get("errorCode") or found.get("errorMessage")), _root),
    (lambda found: found.get("status") == "executionFailed", _root),
    (_holds("resourceType", str), _resource),
    (_holds("error", dict), _wrapped),
    (_has("statusCode", "message"), _apim),
    (_has("status", "message"), _flat),
    (_has("ClassName"), _thrown),
    (_holds("error", str), _oauth),
    (lambda found: "title" in found and ("status" in found or "detail" in found), _problem),
    (lambda found: isinstance(found.get("Message", found.get("message")), str), _message),
)
