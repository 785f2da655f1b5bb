"""Forms of error bodies that several upstreams share; a dialect names those that its upstream sends.

Azure API Management, .NET, OAuth 2 (RFC 6749 section 5.2), RFC 9457, R4 operationoutcome.html.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.upstreams.error_body import (
    Envelope,
    code_field,
    int_field,
    parse_operation_outcome,
    text_field,
)
from gateway.upstreams.error_rule import UpstreamError

_Fields = Mapping[str, Any]


def has_fields(*names: str) -> Callable[[_Fields], bool]:
    """Return a condition: an object has all of these fields."""
    return lambda fields: all(name in fields for name in names)


def has_field_of_type(name: str, kind: type) -> Callable[[_Fields], bool]:
    """Return a condition: a field of an object has this type."""
    return lambda fields: isinstance(fields.get(name), kind)


def exception_name(fields: _Fields) -> str:
    """Name of the exception or reason that an object gives; empty without one."""
    names = (code_field(fields.get(name)) for name in ("exception", "reason", "errorName", "code"))
    return next(filter(None, names), "")


def _is_operation_outcome(fields: _Fields) -> bool:
    return fields.get("resourceType") == "OperationOutcome"


def _parse_apim(fields: _Fields) -> UpstreamError:
    status, message = int_field(fields.get("statusCode")), text_field(fields.get("message"))
    return UpstreamError("apim", status, exception=exception_name(fields), message=message)


def _parse_exception(fields: _Fields) -> UpstreamError:
    name, message = code_field(fields["ClassName"]), text_field(fields.get("Message"))
    return UpstreamError("exception", exception=name, message=message)


def _has_message(fields: _Fields) -> bool:
    return isinstance(fields.get("Message", fields.get("message")), str)


def _parse_message(fields: _Fields) -> UpstreamError:
    message = text_field(fields.get("Message", fields.get("message")))
    return UpstreamError("message", exception=exception_name(fields), message=message)


def _parse_oauth(fields: _Fields) -> UpstreamError:
    code, message = code_field(fields["error"]), text_field(fields.get("error_description", fields["error"]))
    return UpstreamError("oauth", error_code=code, message=message)


def _is_problem(fields: _Fields) -> bool:
    return "title" in fields and ("status" in fields or "detail" in fields)


def _parse_problem(fields: _Fields) -> UpstreamError:
    message = text_field(fields.get("detail") or fields.get("title"))
    return UpstreamError("problem", int_field(fields.get("status")), message=message)


def _parse_html(text: str) -> UpstreamError:
    title = re.search(r"(?is)<(title|h1)[^>]*>(.{1,200}?)</\1>", text[:4_000])
    return UpstreamError("html", message=text_field(title[2]) if title else "")


def _is_readable(text: str) -> bool:
    return "\ufffd" not in text_field(text)


def _parse_text(text: str) -> UpstreamError:
    return UpstreamError("text", message=text_field(text))


OPERATION_OUTCOME = Envelope("outcome", parse_operation_outcome, _is_operation_outcome)
#: A FHIR resource that is no OperationOutcome: never an error of its own.
RESOURCE = Envelope("resource", lambda _: UpstreamError("resource"), has_field_of_type("resourceType", str))
#: Azure API Management: `{"statusCode", "message"}`.
APIM = Envelope("apim", _parse_apim, has_fields("statusCode", "message"))
#: An exception of .NET: `{"ClassName", "Message"}`.
EXCEPTION = Envelope("exception", _parse_exception, has_fields("ClassName"))
#: OAuth 2: `{"error": "invalid_client"}`.
OAUTH = Envelope("oauth", _parse_oauth, has_field_of_type("error", str))
#: RFC 9457: `{"type", "title", "status", "detail"}`.
PROBLEM = Envelope("problem", _parse_problem, _is_problem)
#: `{"Message"}` of ASP.NET, or `{"message"}` of other servers.
MESSAGE = Envelope("message", _parse_message, _has_message)
HTML = Envelope("html", _parse_html, content="html")
TEXT = Envelope("text", _parse_text, _is_readable, content="text")
EMPTY = Envelope("empty", lambda _: UpstreamError("empty"), content="empty")

#: Bodies without JSON, from the upstream or from a server before it.
PLAIN_ENVELOPES = (HTML, TEXT, EMPTY)
#: Forms of any FHIR server, also those of the servers before it.
FHIR_ENVELOPES = (OPERATION_OUTCOME, RESOURCE, MESSAGE, OAUTH, PROBLEM, *PLAIN_ENVELOPES)
