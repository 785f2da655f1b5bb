"""A stored response (RFC 9111 section 3): what is kept of an answer, as bytes and back without loss."""

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM, encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse, Position
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import UnreadableError, object_fields, string_json, string_value
from gateway.fhir.raw_json import encode as raw
from gateway.http.headers import CACHING_HEADERS

#: Codes of failures in which nobody at the practice answered. One that answered slowly, or refused this
#: caller, is there.
_UNREACHABLE_CODES = frozenset(
    {
        *("practice-offline", "practice-unreachable", "practice-connection-lost", "practice-database-down"),
        *("upstream-connect", "upstream-reset", "upstream-timeout", "upstream-502", "upstream-503"),
        *("upstream-certificate", "proxy-refused", "proxy-unavailable"),
    }
)
_STALE_WARNING = "This answer is not fresh: it is as of {}."


class StoredResponse(msgspec.Struct, frozen=True, array_like=True):
    """An answer, when it was asked for (seconds since 1970), how long it is fresh, and what makes it stale.

    `generations`: the counters of the site's types when it was asked for. `stale` and `revalidate`: seconds
    beyond its lifetime; `validated`: for so long it is held, only to be validated. `failure`: the fields of a
    Failure, if the answer is that nothing is there.
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
    validation_seconds: float = 0.0
    links_omitted: bool = False

    @property
    def response(self) -> FhirResponse | Failure:
        """The answer again, or the Failure that it is."""
        if self.failure is not None:
            return self.failure.as_failure
        return FhirResponse(
            self.status,
            self.headers,
            self.body,
            self.applied_repairs,
            page_positions=self.page_positions,
            ignored_parameters=self.ignored_parameters,
            links_omitted=self.links_omitted,
        )

    @property
    def retention_seconds(self) -> float:
        """Seconds in which it may be of any use."""
        return self.lifetime + max(self.stale_if_error, self.stale_while_revalidate, self.validation_seconds)

    def age(self, now: float) -> float:
        """Seconds since it was asked for: at least as old as what it says."""
        return max(0.0, now - self.requested_at)

    def with_counters(self, counters: Mapping[str, int]) -> "StoredResponse":
        """The same with these counters."""
        return msgspec.structs.replace(self, counters=counters)

    def with_response(self, response: FhirResponse) -> "StoredResponse":
        """The same facts about an answer. A page whose links are known positions is kept without them."""
        whole = response.with_parsed_bundle().bundle if response.page_positions is not None else None
        wants = whole is not None and "signature" not in whole.fields
        return msgspec.structs.replace(
            self,
            status=response.status,
            headers=without_exchange_headers(response).headers,
            body=whole.encode_without_links()
            if whole is not None and wants
            else response.with_encoded_body().body,
            links_omitted=wants,
            applied_repairs=response.applied_repairs,
            page_positions=response.page_positions,
            ignored_parameters=response.ignored_parameters,
        )


class StoredFailure(msgspec.Struct, frozen=True, array_like=True):
    """The failure that nothing is there, in fields."""

    kind: FailureKind
    text: str
    diagnostics: str
    expression: str
    issue: str
    codings: tuple[tuple[str, str], ...]

    @property
    def as_failure(self) -> Failure:
        """The failure again."""
        return Failure(
            self.kind,
            text=self.text,
            diagnostics=self.diagnostics,
            expression=self.expression,
            issue=self.issue,
            codings=self.codings,
        )


def stored_failure(failure: Failure) -> StoredFailure:
    """What is kept of a failure."""
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
    """The stored response as bytes, which take no more memory than they are long.

    Those of `encode` are cut off a longer buffer: the rests are holes between what is kept, a third of it.
    """
    buffer = bytearray()
    _encoder.encode_into(response, buffer)
    return bytes(buffer)


def decode(data: bytes | None) -> StoredResponse | None:
    """The stored response of what `packed` gave; None for anything else."""
    try:
        return None if data is None else _decoder.decode(data)
    except msgspec.DecodeError:
        return None


def is_unreachable(failure: Failure) -> bool:
    """Whether a failure says that the practice cannot be reached for now, or rests because of that."""
    codes = {failure.kind.code, *(code for system, code in failure.codings if system == ERROR_CODE_SYSTEM)}
    return not _UNREACHABLE_CODES.isdisjoint(codes)


def mark_stale(response: FhirResponse, requested_at: str) -> FhirResponse:
    """The answer with an outcome that says how old it is, where a searchset has room for one.

    Its ETag goes: a client must not take it for the fresh one.
    """
    plain = without_headers(response, frozenset({"etag", "last-modified"})).replace(links_omitted=False)
    opened_ = plain.with_parsed_bundle()
    if opened_.bundle is None or "signature" in opened_.bundle.fields:
        return plain
    said = information_outcome(_STALE_WARNING.format(requested_at), severity="warning", code="incomplete")
    entry = Entry(
        {"resource": msgspec.Raw(encode_resource(said)), "search": raw({"mode": string_json("outcome")})}
    )
    return opened_.with_bundle(opened_.bundle.replace(entries=(*opened_.bundle.entries, entry)))


_CACHE_HEADERS = frozenset(CACHING_HEADERS)
#: Fields about one exchange.
_EXCHANGE_HEADERS = frozenset(
    """ratelimit ratelimit-policy x-ratelimit-limit x-ratelimit-remaining retry-after x-correlation-id
    x-progress x-ratelimit-reset""".split()  # noqa: SIM905 - a list would be eight lines
)
#: An outcome among the entries that says the result may not be whole.
_DOUBTFUL_SEVERITY = re.compile(rb'"severity"\s*:\s*"(warning|error|fatal)"')


def without_cache_headers(response: FhirResponse) -> FhirResponse:
    """The answer without the fields that the cache has read and writes itself."""
    return without_headers(response, _CACHE_HEADERS)


def without_exchange_headers(response: FhirResponse) -> FhirResponse:
    """The answer as somebody else may have it: without the fields of one exchange."""
    return without_headers(response, _CACHE_HEADERS | _EXCHANGE_HEADERS)


def without_headers(response: FhirResponse, names: frozenset[str]) -> FhirResponse:
    """The answer without these header fields."""
    return response.replace(headers=tuple(each for each in response.headers if each[0] not in names))


def is_not_found(request: FhirRequest, failure: Failure) -> bool:
    """Whether a failure says that the one resource asked for is not there."""
    kind = failure.kind
    named = request.interaction.code in {"read", "vread"}
    return (
        named
        and kind.status == HTTPStatus.NOT_FOUND
        and kind.may_have_run
        and kind.retry_advice is RetryAdvice.NO
    )


def is_storable(request: FhirRequest, response: FhirResponse) -> bool:
    """Whether an answer is whole and what was asked for: the resource, or a searchset that doubts nothing."""
    if response.status != HTTPStatus.OK:
        return False
    act = request.interaction
    if act.is_search:
        return _resource_type(response) == "Bundle" and not _DOUBTFUL_SEVERITY.search(
            _operation_outcomes(response)
        )
    return _resource_type(response) == (act.type or "CapabilityStatement")


def _resource_type(response: FhirResponse) -> str:
    if response.bundle is not None:
        return string_value(response.bundle.fields.get("resourceType"))
    try:
        return string_value(object_fields(response.body).get("resourceType"))
    except UnreadableError:
        return ""


def _operation_outcomes(response: FhirResponse) -> bytes:
    """The OperationOutcomes among the entries."""
    bundle = response.with_parsed_bundle().bundle
    found = (bytes(each.resource or b"") for each in (bundle.entries if bundle else ()))
    return b"".join(each for each in found if b'"OperationOutcome"' in each)
