"""Witnesses: what an upstream's own answer, before any repair, says about its known issues.

A witness is a pure function. It yields a verdict only on what the answer can show: a page without a
reference says nothing about references. Most verdicts are for people; `inactive_searches.py` acts on one.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import Raw

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.raw_json import UnreadableError, object_fields, string_value
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.sites.issue_states import Observation, Verdict

#: Larger bodies are not decoded for a witness; other pages of the same search are smaller.
MAX_BODY_BYTES = 256_000


class UpstreamAnswer(NamedTuple):
    """An answer as the upstream sent it: a response, or a failure.

    `samples`: the first and the last entry of its Bundle, or the resource alone. `size` is in bytes.
    """

    size: int = 0
    bundle: Bundle | None = None
    samples: tuple[Entry, ...] = ()
    failure: Failure | None = None


#: Yields verdicts by facet.
Witness = Callable[[FhirRequest, UpstreamAnswer], Iterable[tuple[str, Verdict]]]
#: Id of an issue, and its witness.
NamedWitness = tuple[str, Witness]
NamedWitnesses = Iterable[NamedWitness]


def observations(
    request: FhirRequest, answer: FhirResponse | Failure, witnesses: NamedWitnesses
) -> tuple[Observation, ...]:
    """Return what an answer says about some issues; nothing if it is unreadable."""
    try:
        parsed = _parse(answer)
        return tuple(
            Observation(issue, facet, verdict)
            for issue, witness in witnesses
            for facet, verdict in _worst_by_facet(witness(request, parsed)).items()
        )
    except UnreadableError:
        return ()


def typed_fields(resource: Raw) -> tuple[str, dict[str, Raw]]:
    """Type of a resource, empty if R4 does not have it, and its fields. Raises UnreadableError."""
    fields = object_fields(resource)
    kind = string_value(fields.get("resourceType"))
    return kind if kind in RESOURCE_TYPES else "", fields


def _parse(answer: FhirResponse | Failure) -> UpstreamAnswer:
    if isinstance(answer, Failure):
        return UpstreamAnswer(failure=answer)
    size = len(answer.body)
    if not 0 < size <= MAX_BODY_BYTES or "json" not in (answer.header("content-type") or "json"):
        return UpstreamAnswer(size)
    bundle = answer.with_parsed_bundle().bundle
    if bundle is None:
        return UpstreamAnswer(size, samples=(Entry({"resource": Raw(answer.body)}),))
    return UpstreamAnswer(size, bundle, (*bundle.entries[:1], *bundle.entries[1:][-1:]))


def _worst_by_facet(verdicts: Iterable[tuple[str, Verdict]]) -> dict[str, Verdict]:
    """Verdict by facet: one broken part makes the answer broken."""
    worst: dict[str, Verdict] = {}
    for facet, verdict in verdicts:
        if worst.get(facet) != "broken":
            worst[facet] = verdict
    return worst
