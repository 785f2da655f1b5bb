"""Error bodies -> UpstreamError: one reader per shape, in the order in which the shapes are recognised.

Readers take any bytes and never raise. Shapes: Halo's troubleshooting guide and OpenAPI file, Azure API
Management, Health Gorilla's and HaloITSM's error pages, RFC 9457, R4 operationoutcome.html.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.upstreams.envelope_outcome import operation_outcome
from gateway.upstreams.upstream_error import Shape, UpstreamError
from gateway.upstreams.words import number, token, words

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
