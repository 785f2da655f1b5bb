"""Facets of one verb, and their composition to those of a repair."""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import NamedTuple, TypeVar

from gateway.exchange import FhirRequest, Headers
from gateway.fhir.bundle import Entry
from gateway.repairs.repair import Fields, KnownIssue, Links, Repair
from gateway.upstreams.error_rule import ErrorRule

T = TypeVar("T")
_Step = Callable[[FhirRequest, T], T]


class Facets(NamedTuple):
    """Facets of a verb, as in `Repair`, and its error rules."""

    request: Callable[[FhirRequest], FhirRequest] | None = None
    entry: _Step[Entry] | None = None
    fields: _Step[Fields] | None = None
    links: _Step[Links] | None = None
    headers: _Step[Headers] | None = None
    keeps: Callable[[FhirRequest, Entry], bool] | None = None
    judges: Callable[[FhirRequest], bool] | None = None
    rules: tuple[ErrorRule, ...] = ()


def make_repair(issue: KnownIssue, verbs: Iterable[Facets]) -> Repair:
    """Return the repair with the facets of all verbs, each in the order of the file."""
    facets = list(verbs)
    requests = [each.request for each in facets if each.request]
    keeps = [each.keeps for each in facets if each.keeps]
    judges = [each.judges for each in facets if each.judges]

    def change(request: FhirRequest) -> FhirRequest:
        return reduce(lambda changed, step: step(changed), requests, request)

    def keeps_entry(request: FhirRequest, entry: Entry) -> bool:
        return all(step(request, entry) for step in keeps)

    return Repair(
        issue,
        request=change if requests else None,
        entry=_sequence([each.entry for each in facets]),
        fields=_sequence([each.fields for each in facets]),
        links=_sequence([each.links for each in facets]),
        headers=_sequence([each.headers for each in facets]),
        keeps=keeps_entry if keeps else None,
        judges=(lambda request: any(step(request) for step in judges)) if judges else None,
    )


def _sequence(steps: Iterable[_Step[T] | None]) -> _Step[T] | None:
    present = [step for step in steps if step is not None]

    def change(request: FhirRequest, value: T) -> T:
        return reduce(lambda changed, step: step(request, changed), present, value)

    return change if present else None
