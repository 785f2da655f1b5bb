"""A stored response (RFC 9111 section 3): what is kept of an answer, as bytes and back without loss."""

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from gateway.errors.failure import Failure, Kind, Repeat
from gateway.errors.operation_outcome import CODE_SYSTEM, encoded, information
from gateway.exchange import FhirRequest, FhirResponse, Position
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import UnreadableError, opened, quoted, string
from gateway.fhir.raw_json import encoded as raw
from gateway.http.headers import FRESHNESS

#: Codes of failures in which nobody at the practice answered. One that answered slowly, or refused this
#: caller, is there.
_AWAY = frozenset(
    {
        *("practice-offline", "practice-unreachable", "practice-connection-lost", "practice-database-down"),
        *("upstream-connect", "upstream-reset", "upstream-timeout", "upstream-502", "upstream-503"),
        *("upstream-certificate", "proxy-refused", "proxy-unavailable"),
    }
)
_AS_OF = "This answer is not fresh: it is as of {}."


class StoredResponse(msgspec.Struct, frozen=True, array_like=True):
    """An answer, when it was asked for (seconds since 1970), how long it is fresh, and what makes it stale.

    `generations`: the counters of the site's types when it was asked for. `stale` and `revalidate`: seconds
    beyond its lifetime; `validated`: for so long it is held, only to be validated. `failure`: the fields of a
    Failure, if the answer is that nothing is there.
    """

    born: float
    lifetime: float
    generations: Mapping[str, int] = {}
    stale: float = 0.0
    revalidate: float = 0.0
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    repairs: tuple[str, ...] = ()
    pages: Mapping[str, Position] | None = None
    ignored: frozenset[str] = frozenset()
    failure: "StoredFailure | None" = None
    validated: float = 0.0
    unlinked: bool = False

    @property
    def answer(self) -> FhirResponse | Failure:
        """The answer again, or the Failure that it is."""
        if self.failure is not None:
            return self.failure.failure
        return FhirResponse(
            self.status,
            self.headers,
            self.body,
            self.repairs,
            pages=self.pages,
            ignored=self.ignored,
            unlinked=self.unlinked,
        )

    @property
    def kept_for(self) -> float:
        """Seconds in which it may be of any use."""
        return self.lifetime + max(self.stale, self.revalidate, self.validated)

    def age(self, now: float) -> float:
        """Seconds since it was asked for: at least as old as what it says."""
        return max(0.0, now - self.born)

    def under(self, generations: Mapping[str, int]) -> "StoredResponse":
        """The same with these counters."""
        return msgspec.structs.replace(self, generations=generations)

    def with_answer(self, response: FhirResponse) -> "StoredResponse":
        """The same facts about an answer. A page whose links are known positions is kept without them."""
        whole = response.opened().bundle if response.pages is not None else None
        wants = whole is not None and "signature" not in whole.fields
        return msgspec.structs.replace(
            self,
            status=response.status,
            headers=lasting(response).headers,
            body=whole.unlinked() if whole is not None and wants else response.closed().body,
            unlinked=wants,
            repairs=response.repairs,
            pages=response.pages,
            ignored=response.ignored,
        )


class StoredFailure(msgspec.Struct, frozen=True, array_like=True):
    """The failure that nothing is there, in fields."""

    kind: Kind
    text: str
    diagnostics: str
    expression: str
    issue: str
    codings: tuple[tuple[str, str], ...]

    @property
    def failure(self) -> Failure:
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


def packed(stored: StoredResponse) -> bytes:
    """The stored response as bytes, which take no more memory than they are long.

    Those of `encode` are cut off a longer buffer: the rests are holes between what is kept, a third of it.
    """
    buffer = bytearray()
    _encoder.encode_into(stored, buffer)
    return bytes(buffer)


def unpacked(data: bytes | None) -> StoredResponse | None:
    """The stored response of what `packed` gave; None for anything else."""
    try:
        return None if data is None else _decoder.decode(data)
    except msgspec.DecodeError:
        return None


def is_away(failure: Failure) -> bool:
    """Whether a failure says that the practice cannot be reached for now, or rests because of that."""
    codes = {failure.kind.code, *(code for system, code in failure.codings if system == CODE_SYSTEM)}
    return not _AWAY.isdisjoint(codes)


def as_of(response: FhirResponse, born: str) -> FhirResponse:
    """The answer with an outcome that says how old it is, where a searchset has room for one.

    Its ETag goes: a client must not take it for the fresh one.
    """
    plain = without(response, frozenset({"etag", "last-modified"})).changed(unlinked=False)
    opened_ = plain.opened()
    if opened_.bundle is None or "signature" in opened_.bundle.fields:
        return plain
    said = information(_AS_OF.format(born), severity="warning", code="incomplete")
    entry = Entry({"resource": msgspec.Raw(encoded(said)), "search": raw({"mode": quoted("outcome")})})
    return opened_.with_bundle(opened_.bundle.changed(entries=(*opened_.bundle.entries, entry)))


_JUDGED = frozenset(FRESHNESS)
#: Fields about one exchange.
_PASSING = frozenset(
    """ratelimit ratelimit-policy x-ratelimit-limit x-ratelimit-remaining retry-after x-correlation-id
    x-progress x-ratelimit-reset""".split()  # noqa: SIM905 - a list would be eight lines
)
#: An outcome among the entries that says the result may not be whole.
_DOUBT = re.compile(rb'"severity"\s*:\s*"(warning|error|fatal)"')


def judged(response: FhirResponse) -> FhirResponse:
    """The answer without the fields that the cache has read and writes itself."""
    return without(response, _JUDGED)


def lasting(response: FhirResponse) -> FhirResponse:
    """The answer as somebody else may have it: without the fields of one exchange."""
    return without(response, _JUDGED | _PASSING)


def without(response: FhirResponse, names: frozenset[str]) -> FhirResponse:
    """The answer without these header fields."""
    return response.changed(headers=tuple(each for each in response.headers if each[0] not in names))


def is_missing(request: FhirRequest, failure: Failure) -> bool:
    """Whether a failure says that the one resource asked for is not there."""
    kind = failure.kind
    named = request.interaction.code in {"read", "vread"}
    return named and kind.status == HTTPStatus.NOT_FOUND and kind.sent and kind.repeat is Repeat.NO


def is_expected(request: FhirRequest, response: FhirResponse) -> bool:
    """Whether an answer is whole and what was asked for: the resource, or a searchset that doubts nothing."""
    if response.status != HTTPStatus.OK:
        return False
    act = request.interaction
    if act.searches:
        return _type(response) == "Bundle" and not _DOUBT.search(_outcomes(response))
    return _type(response) == (act.type or "CapabilityStatement")


def _type(response: FhirResponse) -> str:
    if response.bundle is not None:
        return string(response.bundle.fields.get("resourceType"))
    try:
        return string(opened(response.body).get("resourceType"))
    except UnreadableError:
        return ""


def _outcomes(response: FhirResponse) -> bytes:
    """The OperationOutcomes among the entries."""
    bundle = response.opened().bundle
    found = (bytes(each.resource or b"") for each in (bundle.entries if bundle else ()))
    return b"".join(each for each in found if b'"OperationOutcome"' in each)
