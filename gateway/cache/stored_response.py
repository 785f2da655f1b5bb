"""Stored responses (RFC 9111 section 3): which responses are storable, and their lossless encoding."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from math import inf

import msgspec

from gateway.cache.unshared_writes import CLOCK_SKEW_SECONDS
from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse, Paging, Position
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import UnreadableError, object_fields, string_json, string_value
from gateway.fhir.raw_json import encode as raw
from gateway.http.headers import CACHING_HEADERS

#: Codes of failures without a response of the practice. A practice that responds slowly, or refuses this
#: caller, is reachable.
_UNREACHABLE_CODES = frozenset(
    {
        *("practice-offline", "practice-unreachable", "practice-connection-lost", "practice-database-down"),
        *("upstream-connect", "upstream-reset", "upstream-timeout", "upstream-502", "upstream-503"),
        *("upstream-refused", "upstream-connect-timeout", "upstream-unknown-host"),
        *("upstream-certificate", "upstream-tls", "proxy-refused", "proxy-unavailable"),
    }
)
_STALE_WARNING = "This response is stale: it shows the data as of {}."


class StoredResponse(msgspec.Struct, frozen=True, array_like=True):
    """A response with the time of its upstream request (seconds since 1970), its lifetime and its counters.

    `counters`: the invalidation counters at that time. `lifetime` in seconds; `stale_if_error` and
    `stale_while_revalidate` in seconds past it. `failure`: set if the response is a 404. `types`: all
    resource types of request and response. `max_accepted_age`: age up to which an app may accept it, in
    seconds.
    """

    requested_at: float
    lifetime: float
    counters: Mapping[str, int] = {}
    stale_if_error: float = 0.0
    stale_while_revalidate: float = 0.0
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    applied_repairs: tuple[str, ...] = ()
    page_positions: Mapping[str, Position] | None = None
    ignored_parameters: frozenset[str] = frozenset()
    failure: "StoredFailure | None" = None
    links_omitted: bool = False
    types: frozenset[str] = frozenset()
    max_accepted_age: float = 0.0

    @property
    def response(self) -> FhirResponse | Failure:
        """The response or failure as the upstream client returned it."""
        if self.failure is not None:
            return self.failure.as_failure
        return FhirResponse(
            self.status,
            self.headers,
            self.body,
            self.applied_repairs,
            paging=None if self.page_positions is None else Paging(self.page_positions, self.links_omitted),
            ignored_parameters=self.ignored_parameters,
        )

    @property
    def retention_seconds(self) -> float:
        """Seconds after the upstream request in which the response may be served."""
        ordinary = self.lifetime + max(self.stale_if_error, self.stale_while_revalidate)
        return max(ordinary, self.max_accepted_age)

    def age(self, now: float) -> float:
        """Return the seconds since the upstream request, which is the age of the data or more.

        Infinity for a request in the future: by the clock of another replica, or before a clock was set back.
        """
        seconds = now - self.requested_at
        return max(0.0, seconds) if seconds >= -CLOCK_SKEW_SECONDS else inf

    def with_counters(self, counters: Mapping[str, int]) -> "StoredResponse":
        """Return a copy with these counters."""
        return msgspec.structs.replace(self, counters=counters)

    def with_response(self, response: FhirResponse) -> "StoredResponse":
        """Return a copy with the content of a response; a page with known positions loses its links."""
        page = response.with_parsed_bundle().bundle if response.paging is not None else None
        if page is not None and "signature" in page.fields:
            page = None
        return msgspec.structs.replace(
            self,
            status=response.status,
            headers=without_exchange_headers(response).headers,
            body=response.with_encoded_body().body if page is None else page.encode_without_links(),
            links_omitted=page is not None,
            applied_repairs=response.applied_repairs,
            page_positions=response.paging and response.paging.page_positions,
            ignored_parameters=response.ignored_parameters,
        )


class StoredFailure(msgspec.Struct, frozen=True, array_like=True):
    """Fields of a failure that is stored (404)."""

    kind: FailureKind
    text: str
    diagnostics: str
    expression: str
    issue: str
    codings: tuple[tuple[str, str], ...]

    @property
    def as_failure(self) -> Failure:
        """The failure with these fields."""
        return Failure(
            self.kind,
            text=self.text,
            diagnostics=self.diagnostics,
            expression=self.expression,
            issue=self.issue,
            codings=self.codings,
        )


def stored_failure(failure: Failure) -> StoredFailure:
    """Return the fields of a failure that are stored."""
    return StoredFailure(
        failure.kind,
        failure.text,
        failure.diagnostics,
        failure.expression,
        failure.issue,
        failure.codings,
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredResponse)


def encode(response: StoredResponse) -> bytes:
    """Encode a stored response as bytes that use no more memory than their length.

    The bytes of msgspec's own `encode` are cut off a longer buffer, and the unused remainders would waste a
    third of the memory.
    """
    buffer = bytearray()
    _encoder.encode_into(response, buffer)
    return bytes(buffer)


def decode(data: bytes | None) -> StoredResponse | None:
    """Decode the bytes of `encode`; None for any other bytes."""
    try:
        return None if data is None else _decoder.decode(data)
    except msgspec.DecodeError:
        return None


def is_unreachable(failure: Failure) -> bool:
    """Whether the practice is unreachable, or its circuit is open because of that."""
    codes = {failure.kind.code, *(code for system, code in failure.codings if system == ERROR_CODE_SYSTEM)}
    return not _UNREACHABLE_CODES.isdisjoint(codes)


def mark_stale(response: FhirResponse, requested_at: str) -> FhirResponse:
    """Return the response without validators, so that a client does not take it for the fresh one.

    A searchset gets an OperationOutcome with the time of the data, unless it is signed.
    """
    stale = without_headers(response, frozenset({"etag", "last-modified"}))
    stale = stale.replace(paging=stale.paging and stale.paging._replace(links_omitted=False))
    parsed = stale.with_parsed_bundle()
    if parsed.bundle is None or "signature" in parsed.bundle.fields:
        return stale
    warning = information_outcome(_STALE_WARNING.format(requested_at), severity="warning", code="incomplete")
    entry = Entry(
        {"resource": msgspec.Raw(encode_resource(warning)), "search": raw({"mode": string_json("outcome")})}
    )
    return parsed.with_bundle(parsed.bundle.replace(entries=(*parsed.bundle.entries, entry)))


_CACHE_HEADERS = frozenset(CACHING_HEADERS)
#: Header fields that concern a single upstream request.
_EXCHANGE_HEADERS = frozenset(
    """ratelimit ratelimit-policy x-ratelimit-limit x-ratelimit-remaining retry-after x-correlation-id
    x-hg-request-id x-progress x-ratelimit-reset""".split()  # noqa: SIM905 - a list would be nine lines
)
#: Severity of an OperationOutcome in a searchset whose result may be incomplete.
_INCOMPLETE_SEVERITY = re.compile(rb'"severity"\s*:\s*"(warning|error|fatal)"')


def without_cache_headers(response: FhirResponse) -> FhirResponse:
    """Return the response without the header fields that the cache reads and sets itself."""
    return without_headers(response, _CACHE_HEADERS)


def without_exchange_headers(response: FhirResponse) -> FhirResponse:
    """Return the response for another client, without the header fields of a single request."""
    return without_headers(response, _CACHE_HEADERS | _EXCHANGE_HEADERS)


def without_headers(response: FhirResponse, names: frozenset[str]) -> FhirResponse:
    """Return the response without these header fields."""
    return response.replace(headers=tuple(header for header in response.headers if header[0] not in names))


def is_not_found(request: FhirRequest, failure: Failure) -> bool:
    """Whether a failure says that the requested resource does not exist."""
    kind = failure.kind
    return (
        request.interaction.code in {"read", "vread"}
        and kind.status == HTTPStatus.NOT_FOUND
        and kind.may_have_run
        and kind.retry_advice is RetryAdvice.NO
    )


def is_storable(request: FhirRequest, response: FhirResponse) -> bool:
    """Whether a response is complete: the requested resource, or a searchset without warnings or errors."""
    if response.status != HTTPStatus.OK:
        return False
    type_ = _resource_type(response)
    if request.interaction.is_search:
        return type_ == "Bundle" and not _INCOMPLETE_SEVERITY.search(_operation_outcomes(response))
    return type_ == (request.interaction.type or "CapabilityStatement")


def _resource_type(response: FhirResponse) -> str:
    if response.bundle is not None:
        return string_value(response.bundle.fields.get("resourceType"))
    try:
        return string_value(object_fields(response.body).get("resourceType"))
    except UnreadableError:
        return ""


def _operation_outcomes(response: FhirResponse) -> bytes:
    """Return the concatenated OperationOutcomes of the entries."""
    bundle = response.with_parsed_bundle().bundle
    resources = (bytes(entry.resource or b"") for entry in (bundle.entries if bundle else ()))
    return b"".join(resource for resource in resources if b'"OperationOutcome"' in resource)
