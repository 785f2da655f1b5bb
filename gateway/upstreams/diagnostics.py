"""Diagnostics of an OperationOutcome: place of the failure, ids for support, and the upstream's text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.errors.failure import FailureKind
from gateway.errors.known_names import is_identifier, is_known_name
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.errors.redaction import redact
from gateway.errors.sql_text import MASK, without_sql
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.search_params import RESULT_PARAMETERS, Parameter
from gateway.http.headers import CREDENTIALS
from gateway.upstreams.error_rule import UpstreamError
from gateway.upstreams.failures import NOT_FHIR, UNRECOGNISED_RESPONSE
from gateway.upstreams.response_check import ResponseCheck

UpstreamText = Literal["masked", "full", "none"]

#: System of the upstreams' own codes (Halo Link, database, API Management); the gateway lists none of them.
UPSTREAM_CODES = "https://halo-gateway.example/fhir/CodeSystem/upstream-error"

_REQUEST_IDS = (
    "x-hg-request-id",  # first: Health Gorilla repeats the X-Request-Id of the request
    *("x-request-id", "x-correlation-id", "x-ms-request-id", "apim-request-id", "request-id"),
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._\-]{3,63}")
#: Id that an upstream made: with letters and digits, because one of either may be a name or a number.
_MADE_ID = re.compile(rf"(?=.*[A-Za-z])(?=.*[0-9]){_ID.pattern}")
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+\-]{1,60}")
_ERROR_TYPES = {"http": "http", "mssql": "mssql", "fbsql": "fbsql", "halolink": "haloLink"}
_ERROR_CODE = re.compile(r"-?\d{1,5}")
_EXCEPTION_NAME = re.compile(r"(?:[A-Z][A-Za-z]+\.)*(?:[A-Z][a-z]+){2,8}|(?:[A-Z][A-Za-z]+\.)+[A-Z][a-z]+")
#: Minimum length, in characters, of a request value that is redacted, and of one inside a longer word.
_MIN_WORD_LENGTH, _MIN_PART_LENGTH = 2, 4
_WORD = re.compile(r"\w+")
#: Name of a parameter; more than two digits may belong to an identifier. How many of them are read.
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z_.:-]{0,63}[0-9]{0,2}")
_MAX_PARAMETERS = 100
_UNCLEAR_CODES = frozenset({NOT_FHIR.code, UNRECOGNISED_RESPONSE.code})


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Details of one failure, for client developers and support.

    `vocabulary`: further words of the upstream's texts that may stay. `names_parameters`: the names of the
    client's parameters may stay, too, where a text speaks of parameters; their values never do.
    """

    dialect: str
    check: ResponseCheck
    error: UpstreamError
    kind: FailureKind
    vocabulary: frozenset[str] = frozenset()
    names_parameters: bool = False

    def as_text(self, upstream_text: UpstreamText) -> str:
        """Facts as `name=value`, then the upstream's text: masked, in full but without SQL, or not at all."""
        facts = " ".join(f"{name}={value}" for name, value in self._facts() if value)
        message = self._message_text(upstream_text)
        return f"{facts}: {message}" if message else facts

    def _message_text(self, upstream_text: UpstreamText) -> str:
        if upstream_text == "none":
            return ""
        request = self.check.request
        message = redact_request_values(self.error.message, request)
        if upstream_text == "full":
            return without_sql(message)
        parameters = parameter_names(request) if self.names_parameters else frozenset()
        return redact(message, self.vocabulary, parameters)

    def _facts(self) -> Iterator[tuple[str, str]]:
        error, response = self.error, self.check.response
        yield "upstream", self.dialect
        yield "status", str(response.status)
        yield "type", _ERROR_TYPES.get(error.error_type, "")
        yield "code", error.error_code if _ERROR_CODE.fullmatch(error.error_code) else ""
        yield "exception", _exception_name(error)
        yield from self._shape_facts()
        yield "request", _value_if_matches(_ID, self.check.request.request_id)
        yield "upstream-request", next(filter(None, map(self._header_id, _REQUEST_IDS)), "")

    def _shape_facts(self) -> Iterator[tuple[str, str]]:
        if self.kind.code in _UNCLEAR_CODES or self.check.response.status < 300:  # noqa: PLR2004 - success
            yield "content-type", media_type(self.check.response)
            yield "shape", self.error.shape
            yield "expected", self.check.expected_type

    def _header_id(self, name: str) -> str:
        return _value_if_matches(_MADE_ID, self.check.response.header(name))


def media_type(response: FhirResponse) -> str:
    """Media type of a response without parameters; empty if the field is not a media type."""
    return _value_if_matches(_MEDIA_TYPE, response.header("content-type").partition(";")[0].strip().lower())


def upstream_codings(error: UpstreamError) -> tuple[tuple[str, str], ...]:
    """Return the upstream's own codes as (system, code): its codings, then its error code and exception.

    A code of the gateway's own system means a state of this gateway, which no upstream can report.
    """
    kind, number = _ERROR_TYPES.get(error.error_type, ""), error.error_code
    error_code = f"{kind}-{number}" if kind and _ERROR_CODE.fullmatch(number) else ""
    codes = filter(None, (error_code, _exception_name(error)))
    codings = (coding for coding in error.codings if coding[0] != ERROR_CODE_SYSTEM)
    return (*codings, *((UPSTREAM_CODES, code) for code in codes))


def is_made_id(text: str) -> bool:
    """Whether a text is an id that software made: with letters and digits, at most 64 characters."""
    return _MADE_ID.fullmatch(text) is not None


def parameter_names(request: FhirRequest) -> frozenset[str]:
    """Names of the client's search parameters that look like names."""
    parameters = request.client_search.parameters[:_MAX_PARAMETERS]
    return frozenset(each.name for each in parameters if _PARAMETER_NAME.fullmatch(each.name))


def redact_request_values(message: str, request: FhirRequest) -> str:
    """Replace credentials, search values and their words in an upstream's text by `…`."""
    lower = message.casefold()
    words = {word for word in _request_words(request) if word.casefold() in lower}
    pattern = "|".join(map(_word_pattern, sorted(words, key=len, reverse=True)))
    return re.sub(pattern, MASK, message, flags=re.IGNORECASE) if words else message


def _request_words(request: FhirRequest) -> Iterator[str]:
    """Credentials and search values of a request, and their words; not the names in `_sort` or `_include`."""
    words = [word for name, value in request.headers if name in CREDENTIALS for word in value.split()]
    words += (word for parameter in request.client_search.parameters for word in _value_words(parameter))
    return (word for word in words if len(word) >= _MIN_WORD_LENGTH)


def _value_words(parameter: Parameter) -> Iterator[str]:
    words = (parameter.value, *_WORD.findall(parameter.value))
    has_names = parameter.name in RESULT_PARAMETERS
    return (word for word in words if not (has_names and is_known_name(word.removeprefix("-"))))


def _word_pattern(word: str) -> str:
    """Pattern of a request's word: a short one is only redacted as a whole word."""
    pattern = re.escape(word)
    return pattern if len(word) >= _MIN_PART_LENGTH else rf"(?<!\w){pattern}(?!\w)"


def _exception_name(error: UpstreamError) -> str:
    """Name of the upstream's exception, if it consists of technical words: it may be anything else."""
    name = _value_if_matches(_EXCEPTION_NAME, error.exception)
    return name if is_identifier(name) else ""


def _value_if_matches(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""
