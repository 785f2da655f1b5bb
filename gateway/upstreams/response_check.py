"""Whether an upstream's answer is what was asked for. Cheap for good ones: 8 MB bodies pass here."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import UnreadableError, opened, string
from gateway.upstreams.error_body import LONGEST_ENVELOPE, fails, upstream_error
from gateway.upstreams.searchset_outcomes import failing_outcome

_NO_BODY = frozenset({202, 204, 205, 304})
_NOTHING = frozenset({204, 205})
_GOOD = frozenset({200, 201, 202, 203, 204, 205, 304})
_TYPE = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"resourceType"[ \t\r\n]*:[ \t\r\n]*"([A-Za-z]{1,64})"')
#: How servers begin a Bundle; what it has no words for is decoded.
_BUNDLE = re.compile(
    rb'\s*\{\s*"resourceType"\s*:\s*"Bundle"\s*,'
    rb'(?:\s*"id"\s*:\s*"[^"\\]{0,64}"\s*,)?(?:\s*"meta"\s*:\s*\{[^{}]{0,200}\}\s*,)?'
    rb'\s*"type"\s*:\s*"([a-z-]{1,32})"'
)
_ERROR_FIELDS = (b'"errorDetails"', b'"errorCode"', b'"errorMessage"', b'"executionFailed"')
_EXPECTED = {
    "search-type": "Bundle",
    "history": "Bundle",
    "transaction": "Bundle",
    "capabilities": "CapabilityStatement",
}
#: `Bundle.type` by interaction (R4 bundle.html). A transaction's changes nothing once it is made.
_BUNDLES = {"search-type": "searchset", "history": "history"}
_READS = frozenset({"read", "vread"})
_MAY_BE_OUTCOME = frozenset({"create", "update", "patch", "delete", "transaction", "operation"})


class _Head(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    type: Any = None
    errorDetails: Any = None  # noqa: N815 - Halo's names
    errorCode: Any = None  # noqa: N815
    errorMessage: Any = None  # noqa: N815

    @property
    def says_error(self) -> bool:
        """Whether there is an error of Halo's beside the resource, in either of its formats."""
        return bool(self.errorDetails or self.errorMessage) or self.errorCode is not None


class _Query(msgspec.Struct):
    errorDetails: dict[str, Any] | None = None  # noqa: N815 - Halo's names
    errorCode: int | str | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815
    status: int | str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and its answer, judged together. `fhir` is whether the upstream speaks FHIR at all."""

    request: FhirRequest
    response: FhirResponse
    fhir: bool = True

    @property
    def good(self) -> bool:
        """Whether it may go on to the client: right status, right resource, and complete."""
        if self.response.status not in _GOOD:
            return False
        if not self.fhir or self.request.interaction.code == "other":
            return not self._reports_error
        return self._bodiless or self._binary or (self._whole and self._fits and not self._failing_entry)

    @property
    def expected(self) -> str:
        """The resource type that was asked for; empty when any will do."""
        wanted = self.request.interaction
        return wanted.type if wanted.code in _READS else _EXPECTED.get(wanted.code, "")

    @property
    def received(self) -> str:
        """The type of the resource in the body, without decoding the rest; empty when there is none."""
        found = _TYPE.match(self.response.body[:200])
        if found:
            return found[1].decode()
        return (_decoded(self.response.body, _Head) or _Head()).resourceType

    @property
    def _bodiless(self) -> bool:
        wanted = self.request
        silent = _NO_BODY - _NOTHING if self.expected else _NO_BODY
        allowed = self.response.status in silent or wanted.method == "HEAD" or wanted.interaction.writes
        return allowed and not self.response.body.strip()

    @property
    def _binary(self) -> bool:
        plain = "json" not in self.response.header("content-type")
        return self.request.interaction.type == "Binary" and self.expected == "Binary" and plain

    @property
    def _whole(self) -> bool:
        return self.response.body[-64:].rstrip().endswith(b"}")

    @property
    def _fits(self) -> bool:
        received = self.received
        if received == "OperationOutcome":
            return self._good_outcome
        return bool(received) and self.expected in {"", received} and self._told and self._identified

    @property
    def _told(self) -> bool:
        """Whether it is the right kind of Bundle, if it must be one, and reports no error at its root."""
        body, kind = self.response.body, _BUNDLES.get(self.request.interaction.code, "")
        begun = _BUNDLE.match(body[:500]) if kind else None
        if any(body.rfind(each) >= 0 for each in _ERROR_FIELDS) or (kind and begun is None):
            head = _decoded(body, _Head) or _Head()
            return kind in ("", head.type) and not head.says_error
        return begun is None or begun[1].decode() == kind

    @property
    def _identified(self) -> bool:
        """Whether it is the one resource that was asked for, by its id (R4 http.html: a SHALL).

        A name given twice is no id at all: another reader might take the other value.
        """
        wanted = self.request.interaction
        if wanted.code not in _READS:
            return True
        try:
            return string(opened(self.response.body).get("id")).lower() == wanted.id.lower()
        except UnreadableError:
            return False

    @property
    def _good_outcome(self) -> bool:
        wanted = self.request.interaction
        if wanted.operation == "validate" or self.expected == "OperationOutcome":
            return True
        if wanted.code not in _MAY_BE_OUTCOME and self.response.status != 202:  # noqa: PLR2004 - Accepted
            return False
        return not self._fails

    @property
    def envelope(self) -> bytes:
        """The part of the body that may say what went wrong: all of it, unless it is a large query object."""
        body = self._failing_entry or self.response.body
        return body if len(body) <= LONGEST_ENVELOPE else _query(body) or body

    @property
    def _failing_entry(self) -> bytes:
        wanted = self.request
        strict = "handling=strict" in wanted.header("prefer").replace(" ", "").lower()
        searched = wanted.interaction.searches and self.response.status in _GOOD
        return failing_outcome(self.response.body, strict=strict) if searched else b""

    @property
    def _reports_error(self) -> bool:
        error = upstream_error(self.envelope)
        return self._fails if error.shape == "outcome" else error.speaks

    @property
    def _fails(self) -> bool:
        return fails(_decoded(self.response.body, dict[str, Any]) or {})


def _query(body: bytes) -> bytes:
    """The fields of a large query object that say how it went; scanned for before anything is decoded."""
    query = _decoded(body, _Query) if any(field in body for field in _ERROR_FIELDS) else None
    return msgspec.json.encode(query) if query else b""


_T = TypeVar("_T")


def _decoded(body: bytes, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
