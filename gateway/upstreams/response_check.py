"""Check that an upstream's response is what the request asked for; cheap for good bodies of up to 8 MB."""

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import UnreadableError, contains, decode_readable, object_fields, string_value
from gateway.http.preferences import accepts_asynchronous_response
from gateway.upstreams.envelopes import FHIR_ENVELOPES
from gateway.upstreams.error_body import (
    MAX_ERROR_BODY_BYTES,
    Envelope,
    is_failure_outcome,
    parse_upstream_error,
)
from gateway.upstreams.patient_check import names_other_patient
from gateway.upstreams.searchset_outcomes import failing_outcome
from gateway.upstreams.server_answers import is_other_answer

_NO_BODY = frozenset({202, 204, 205})
_OK = 200
_ACCEPTED = 202
_NOT_MODIFIED = 304
_SUCCESS_STATUSES = frozenset({200, 201, 202, 203, 204, 205, 304})
_RESOURCE_TYPE = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"resourceType"[ \t\r\n]*:[ \t\r\n]*"([A-Za-z]{1,64})"')
#: Usual beginning of a Bundle; a Bundle that begins otherwise is decoded.
_BUNDLE_START = re.compile(
    rb'\s*\{\s*"resourceType"\s*:\s*"Bundle"\s*,'
    rb'(?:\s*"id"\s*:\s*"[^"\\]{0,64}"\s*,)?(?:\s*"meta"\s*:\s*\{[^{}]{0,200}\}\s*,)?'
    rb'\s*"type"\s*:\s*"([a-z-]{1,32})"'
)
_ERROR_FIELDS = (b'"errorDetails"', b'"errorCode"', b'"errorMessage"', b'"executionFailed"')
_ERROR_NAMES = frozenset({"errorDetails", "errorCode", "errorMessage"})
#: Bytes of a large body that are searched at once; a mark and spaces before JSON, and how many of them count.
_PIECE = 65_536
_ERROR_FIELD = re.compile(rb'"(?:errorDetails|errorCode|errorMessage)"\s*+(?!:\s*+null)|"executionFailed"')
_MAX_NAME = 100
_OUTCOME = b'"OperationOutcome"'
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"
_MAX_SPACE = 1_000
_EXPECTED_TYPES = {
    "search-type": "Bundle",
    "history": "Bundle",
    "transaction": "Bundle",
    "capabilities": "CapabilityStatement",
}
#: Required `Bundle.type` by interaction (R4 bundle.html); that of a transaction's response is not checked.
_BUNDLE_TYPES = {"search-type": "searchset", "history": "history"}
_READ_INTERACTIONS = frozenset({"read", "vread"})
_MAY_BE_OUTCOME = frozenset({"create", "update", "patch", "delete", "transaction", "operation"})


#: What makes a response under a success status an error: any envelope that reports one (Halo), only an
#: OperationOutcome with a failure, or nothing.
SuccessErrors = Literal["envelopes", "outcomes", "none"]


class _ResourceHead(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    type: Any = None
    errorDetails: Any = None  # noqa: N815 - Halo's names
    errorCode: Any = None  # noqa: N815
    errorMessage: Any = None  # noqa: N815

    @property
    def has_error(self) -> bool:
        """Whether the object contains an error in one of Halo's two formats."""
        return bool(self.errorDetails or self.errorMessage) or self.errorCode is not None


class _QueryStatus(msgspec.Struct):
    errorDetails: dict[str, Any] | None = None  # noqa: N815 - Halo's names
    errorCode: int | str | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815
    status: int | str | None = None


@dataclass(frozen=True, slots=True)
class ResponseCheck:
    """A request and its response; `is_fhir`: the upstream's good responses are FHIR resources.

    `envelopes`: forms of its errors; `success_errors`: those that count under a success status.
    """

    request: FhirRequest
    response: FhirResponse
    is_fhir: bool = True
    envelopes: tuple[Envelope, ...] = FHIR_ENVELOPES
    success_errors: SuccessErrors = "outcomes"

    @property
    def is_acceptable(self) -> bool:
        """Whether the client may receive it: success status, expected resource, and complete."""
        if self.success_errors == "none":
            return self.response.status in range(200, 300)
        if self._is_other_answer:
            return True
        if self.response.status not in _SUCCESS_STATUSES or self._is_unasked_status:
            return False
        if not self.is_fhir or self.request.interaction.code in {"other", "sql"}:
            return not self._reports_error
        return (
            self._is_permitted_bodiless
            or self._is_binary
            or (self._is_complete and self._is_expected_resource and not self._failing_outcome)
        )

    @property
    def expected_type(self) -> str:
        """Requested resource type; empty if any type is acceptable."""
        interaction = self.request.interaction
        if interaction.code in _READ_INTERACTIONS:
            return interaction.type
        return _EXPECTED_TYPES.get(interaction.code, "")

    @property
    def received_type(self) -> str:
        """Type of the resource in the body, usually without decoding it; empty if there is none."""
        match = _RESOURCE_TYPE.match(self.response.body[:200])
        if match:
            return match[1].decode()
        return (_decode_or_none(self.response.body, _ResourceHead) or _ResourceHead()).resourceType

    @property
    def _is_other_answer(self) -> bool:
        """Whether a FHIR server that is no Halo Connect sent a good response that is no resource."""
        if self._has_envelopes or not self.is_fhir or not is_other_answer(self.request, self.response):
            return False
        return self.received_type != "OperationOutcome" or not self._is_failing_outcome

    @property
    def _is_unasked_status(self) -> bool:
        """Whether a request without such a condition or preference got 304, or 202 instead of a resource.

        The gateway sends no condition with a request that changes nothing.
        """
        request, status = self.request, self.response.status
        if status == _OK or request.interaction.is_write:
            return False
        is_unasked = bool(self.expected_type) and not accepts_asynchronous_response(request)
        return status == _NOT_MODIFIED or (status == _ACCEPTED and is_unasked)

    @property
    def _is_permitted_bodiless(self) -> bool:
        request, status = self.request, self.response.status
        without_body = {_ACCEPTED} if self.expected_type else _NO_BODY
        permitted = status in without_body or request.method == "HEAD" or request.interaction.is_write
        return permitted and not self.response.body.strip()

    @property
    def _is_binary(self) -> bool:
        is_json = "json" in self.response.header("content-type")
        return self.request.interaction.type == self.expected_type == "Binary" and not is_json

    @property
    def _is_complete(self) -> bool:
        return self.response.body[-64:].rstrip().endswith(b"}")

    @property
    def _is_expected_resource(self) -> bool:
        received = self.received_type
        if received == "OperationOutcome":
            return self._is_acceptable_outcome
        return (
            bool(received)
            and self.expected_type in {"", received}
            and (self._is_expected_read if self._is_read else self._is_expected_bundle)
            and not names_other_patient(self.request, self.response.body)
        )

    @property
    def _is_expected_bundle(self) -> bool:
        """Whether the Bundle has the required type, if any, and the body reports no error at its root."""
        body, kind = self.response.body, _BUNDLE_TYPES.get(self.request.interaction.code, "")
        start = _BUNDLE_START.match(body[:500]) if kind else None
        may_report = self._has_envelopes and any(contains(body, name) for name in _ERROR_FIELDS)
        if may_report or (kind and start is None):
            head = _decode_or_none(body, _ResourceHead) or _ResourceHead()
            return kind in ("", head.type) and not (self._has_envelopes and head.has_error)
        return start is None or start[1].decode() == kind

    @property
    def _is_read(self) -> bool:
        return self.request.interaction.code in _READ_INTERACTIONS

    @property
    def _is_expected_read(self) -> bool:
        """Whether a read returned the resource, and the version, with the requested id, by case.

        R4 http.html: a SHALL. A resource with two `id` members fails: another parser might use the other
        value. A resource that names no version may be the one. It reports no error at its root.
        `is_checked_resource` tells the repairs that they need not decode it again.
        """
        interaction = self.request.interaction
        try:
            fields = object_fields(self.response.body)
            meta = object_fields(fields["meta"]) if "meta" in fields else {}
        except UnreadableError:
            return False
        if self._has_envelopes and not _ERROR_NAMES.isdisjoint(fields):
            head = _decode_or_none(self.response.body, _ResourceHead) or _ResourceHead()
            if head.has_error:
                return False
        version = string_value(meta.get("versionId")) if interaction.code == "vread" else ""
        is_version = version in {"", self.request.path.rpartition("/")[2]}
        return string_value(fields.get("id")) == interaction.id and is_version

    @property
    def _is_acceptable_outcome(self) -> bool:
        interaction = self.request.interaction
        if interaction.operation == "validate" or self.expected_type == "OperationOutcome":
            return True
        if interaction.code not in _MAY_BE_OUTCOME and self.response.status != _ACCEPTED:
            return False
        return not self._is_failing_outcome

    @property
    def error_body(self) -> bytes:
        """Part of the body that may describe the error: the whole body, unless it is a large query object."""
        body = self._failing_outcome or self.response.body
        is_whole = len(body) <= MAX_ERROR_BODY_BYTES or not self._has_envelopes
        return body if is_whole else _query_error_fields(body) or body

    @property
    def _has_envelopes(self) -> bool:
        """Whether Halo's fields at the root of a body report an error, also under a success status."""
        return self.success_errors == "envelopes"

    @property
    def _failing_outcome(self) -> bytes:
        is_searchset = self.request.interaction.is_search and self.response.status in _SUCCESS_STATUSES
        return failing_outcome(self.response.body, self.request) if is_searchset else b""

    @property
    def _reports_error(self) -> bool:
        """Whether a body that need not be FHIR reports an error; one that cannot is not decoded."""
        if not (self._has_envelopes or contains(self.response.body, _OUTCOME)):
            return False
        error = parse_upstream_error(self.error_body, self.envelopes)
        is_outcome = error.shape == "outcome"
        return self._is_failing_outcome if is_outcome else self._has_envelopes and error.is_error

    @property
    def _is_failing_outcome(self) -> bool:
        return is_failure_outcome(_decode_or_none(self.response.body, dict[str, Any]) or {})


def is_checked_resource(request: FhirRequest, response: FhirResponse, body: bytes) -> bool:
    """Whether the upstream client has checked that a body is one resource, and no Bundle.

    A read passed `ResponseCheck`: the body is one JSON object without repeated names, of the type that was
    asked for.
    """
    interaction = request.interaction
    if interaction.code not in _READ_INTERACTIONS or response.status != _OK or interaction.type == "Bundle":
        return False
    match = _RESOURCE_TYPE.match(body[:200])
    return match is not None and match[1].decode() == interaction.type


def _query_error_fields(body: bytes) -> bytes:
    """Return the error fields of a large query object; decodes it only if the bytes contain a field name."""
    is_object = body[:_MAX_SPACE].lstrip(_BEFORE_JSON).startswith(b"{")
    query = _decode_or_none(body, _QueryStatus) if is_object and _has_error_field(body) else None
    return msgspec.json.encode(query) if query else b""


def _has_error_field(body: bytes) -> bool:
    """Whether a large body may contain an error field that is not null; other threads run between pieces."""
    pieces = ((start, start + _PIECE + _MAX_NAME) for start in range(0, len(body), _PIECE))
    return any(
        _ERROR_FIELD.search(body, *piece)
        for piece in pieces
        if any(body.find(name, *piece) >= 0 for name in _ERROR_FIELDS)
    )


_T = TypeVar("_T")


def _decode_or_none(body: bytes, kind: type[_T]) -> _T | None:
    try:
        return decode_readable(body, lambda text: msgspec.json.decode(text, type=kind))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
