"""`OperationOutcome.issue.diagnostics`: where it happened, ids for support, the upstream's own words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.errors.failure import Kind
from gateway.errors.redaction import MASK, masked, without_sql
from gateway.exchange import FhirRequest, FhirResponse
from gateway.http.headers import CREDENTIALS
from gateway.upstreams.error_rule import UpstreamError
from gateway.upstreams.failures import NOT_FHIR, UNRECOGNISED
from gateway.upstreams.response_check import Answer

UpstreamText = Literal["masked", "full", "none"]

#: Codes as upstreams spell them: Halo Link's, the database's, API Management's. Not enumerated by us.
UPSTREAM_CODES = "https://halo-gateway.example/fhir/CodeSystem/upstream-error"

_REQUEST_IDS = ("x-request-id", "x-correlation-id", "x-ms-request-id", "apim-request-id", "request-id")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._\-]{3,63}")
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+\-]{1,60}")
_TYPES = {"http": "http", "mssql": "mssql", "fbsql": "fbsql", "halolink": "haloLink"}
_CODE = re.compile(r"-?\d{1,5}")
_NAME = re.compile(r"(?:[A-Z][A-Za-z]+\.)*(?:[A-Z][a-z]+){2,8}|(?:[A-Z][A-Za-z]+\.)+[A-Z][a-z]+")
#: Characters from which on a repeated value tells something.
_TELLING = 4
_UNCLEAR = frozenset({NOT_FHIR.code, UNRECOGNISED.code})


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What is known of one failure, for those who look into it."""

    dialect: str
    answer: Answer
    error: UpstreamError
    kind: Kind

    def text(self, upstream_text: UpstreamText) -> str:
        """`name=value` facts, then the upstream's words: masked, in full but for SQL, or not at all."""
        facts = " ".join(f"{name}={value}" for name, value in self._facts() if value)
        said = _said(unrepeated(self.error.message, self.answer.request), upstream_text)
        return f"{facts}: {said}" if said else facts

    def _facts(self) -> Iterator[tuple[str, str]]:
        error, response = self.error, self.answer.response
        yield "upstream", self.dialect
        yield "status", str(response.status)
        yield "type", _TYPES.get(error.error_type, "")
        yield "code", error.error_code if _CODE.fullmatch(error.error_code) else ""
        yield "exception", _matching(_NAME, error.exception)
        yield from self._shape()
        yield "request", _matching(_ID, self.answer.request.request_id)
        yield "upstream-request", next(filter(None, map(self._id, _REQUEST_IDS)), "")

    def _shape(self) -> Iterator[tuple[str, str]]:
        if self.kind.code in _UNCLEAR or self.answer.response.status < 300:  # noqa: PLR2004 - success
            yield "content-type", media_type(self.answer.response)
            yield "shape", self.error.shape
            yield "expected", self.answer.expected

    def _id(self, name: str) -> str:
        return _matching(_ID, self.answer.response.header(name))


def media_type(response: FhirResponse) -> str:
    """The bare media type of an answer; empty when the field holds anything else."""
    return _matching(_MEDIA_TYPE, response.header("content-type").partition(";")[0].strip().lower())


def codings(error: UpstreamError) -> tuple[tuple[str, str], ...]:
    """The upstream's own codes as (system, code): as it coded them, and those of its other shapes."""
    kind, code = _TYPES.get(error.error_type, ""), error.error_code
    coded = f"{kind}-{code}" if kind and _CODE.fullmatch(code) else ""
    named = filter(None, (coded, _matching(_NAME, error.exception)))
    return (*error.codings, *((UPSTREAM_CODES, each) for each in named))


def unrepeated(message: str, request: FhirRequest) -> str:
    """An upstream's words without the credentials and search values that they repeat from the request."""
    given = (value for name, value in request.headers if name in CREDENTIALS)
    words = {word for text in given for word in text.split()} | {
        each.value for each in request.asked.parameters
    }
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _TELLING:
            message = re.sub(re.escape(word), MASK, message, flags=re.IGNORECASE)
    return message


def _said(message: str, upstream_text: UpstreamText) -> str:
    if upstream_text == "none":
        return ""
    return masked(message) if upstream_text == "masked" else without_sql(message)


def _matching(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""
