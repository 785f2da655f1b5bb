"""Forms of Halo's error bodies: its troubleshooting guide and OpenAPI file; five of them are Halo's alone."""

from collections.abc import Mapping
from typing import Any

from gateway.upstreams.envelopes import (
    APIM,
    EXCEPTION,
    MESSAGE,
    OAUTH,
    OPERATION_OUTCOME,
    PLAIN_ENVELOPES,
    PROBLEM,
    RESOURCE,
    exception_name,
    has_field_of_type,
    has_fields,
)
from gateway.upstreams.error_body import Envelope, code_field, int_field, text_field
from gateway.upstreams.error_rule import Shape, UpstreamError

#: States of a SQL query that did not run, or whose result is lost; Halo gives no further error.
FAILED_STATES = (
    "initialisationFailedCacheError",
    "initialisationFailedSiteOffline",
    "initialisationFailedSiteUnreachable",
    "expiredInQueue",
    "uploadFailed",
)
_Fields = Mapping[str, Any]


def _parse_details(fields: _Fields) -> UpstreamError:
    inner = fields["errorDetails"]
    return _query_error("details", inner.get("errorType"), inner.get("errorCode"), inner.get("errorMessage"))


def _has_error(fields: _Fields) -> bool:
    has_text = bool(fields.get("errorCode") or fields.get("errorMessage"))
    return has_text or fields.get("status") == "executionFailed"


def _parse_root(fields: _Fields) -> UpstreamError:
    return _query_error("root", fields.get("errorType"), fields.get("errorCode"), fields.get("errorMessage"))


def _query_error(shape: Shape, kind: Any, code: Any, message: Any) -> UpstreamError:
    kind = code_field(kind).lower()
    status = int_field(code) if kind in {"", "http"} else 0
    return UpstreamError(
        shape, status, error_type=kind, error_code=code_field(code), message=text_field(message)
    )


def _is_failed_state(fields: _Fields) -> bool:
    return fields.get("status") in FAILED_STATES


def _parse_state(fields: _Fields) -> UpstreamError:
    return UpstreamError("state", error_code=fields["status"])


def _parse_wrapped(fields: _Fields) -> UpstreamError:
    return _status_error("wrapped", fields["error"])


def _parse_flat(fields: _Fields) -> UpstreamError:
    return _status_error("flat", fields)


def _status_error(shape: Shape, fields: _Fields) -> UpstreamError:
    return UpstreamError(
        shape,
        int_field(fields.get("status")),
        exception=exception_name(fields),
        status_text=text_field(fields.get("statusText")),
        message=text_field(fields.get("message")),
    )


#: `{"errorDetails": {"errorType", "errorCode", "errorMessage"}}`
DETAILS = Envelope("details", _parse_details, has_field_of_type("errorDetails", dict))
#: `{"errorCode", "errorMessage"}` of older versions
ROOT = Envelope("root", _parse_root, _has_error)
#: `{"status": "uploadFailed"}`
STATE = Envelope("state", _parse_state, _is_failed_state)
#: `{"error": {"status", "statusText", "message"}}`
WRAPPED = Envelope("wrapped", _parse_wrapped, has_field_of_type("error", dict))
#: `{"status", "statusText", "message"}`
FLAT = Envelope("flat", _parse_flat, has_fields("status", "message"))

HALO_ENVELOPES = (
    *(OPERATION_OUTCOME, DETAILS, ROOT, STATE, RESOURCE, WRAPPED, APIM, FLAT),
    *(EXCEPTION, OAUTH, PROBLEM, MESSAGE),
    *PLAIN_ENVELOPES,
)
