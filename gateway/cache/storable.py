"""What of an answer may be stored (RFC 9111 section 3), and whether it may be at all."""

import re
from http import HTTPStatus

from gateway.errors.failure import Failure, Repeat
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.bundle import UnreadableError, opened, string
from gateway.http.headers import FRESHNESS

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
