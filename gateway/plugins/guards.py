"""Guards around the facets of a repair that the gateway does not bring itself.

Whatever such a facet raises or returns, the client gets what the upstream sent, repaired, or a Failure that
names the repair: never another search, another match set, or a request under another credential.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import START, FhirRequest, Headers, may_write
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import array_objects, string_value
from gateway.plugins.failures import failure_problem
from gateway.plugins.results import (
    entry_problem,
    fields_problem,
    headers_problem,
    links_problem,
    request_problem,
)
from gateway.plugins.views import (
    answer_view,
    entry_copy,
    entry_view,
    fields_copy,
    fields_view,
    links_copy,
    links_view,
    lower_case_headers,
)
from gateway.repairs.repair import Fields, Links, Repair
from gateway.repairs.witness import UpstreamAnswer, Witness
from gateway.sites.issue_states import Verdict
from gateway.upstreams.kinds_by_interaction import kind_for

_T = TypeVar("_T")
_RequestFacet = Callable[[FhirRequest], FhirRequest]
_Facet = Callable[[FhirRequest, _T], _T]
_Filter = Callable[[FhirRequest, Entry], bool]
_VERDICTS = frozenset({"broken", "right", "seen"})
#: Maximum facets that a witness may name in one answer, and characters of each.
_MAX_FACETS, _MAX_FACET = 16, 64
_OTHER_PAGES = frozenset({"next", "previous", "prev"})


class _Part(NamedTuple, Generic[_T]):
    """A part of a response: its read-only view, what is wrong with a new one, and a copy of that."""

    view: Callable[[_T], _T]
    problem: Callable[[_T, Any], str]
    copy: Callable[[_T], _T]


_LINKS = _Part[Links](links_view, links_problem, links_copy)
_ENTRY = _Part[Entry](entry_view, entry_problem, entry_copy)
_FIELDS = _Part[Fields](fields_view, fields_problem, fields_copy)
_HEADERS = _Part[Headers](
    lambda headers: headers,
    headers_problem,
    lower_case_headers,
)


def with_guards(repair: Repair, credential_headers: Iterable[str]) -> Repair:
    """Return the repair with guarded facets; `credential_headers` are lower-case names."""
    own = _Guard(repair.issue.id, frozenset(credential_headers))
    fields = repair.fields and own.facet(repair.fields, _FIELDS)
    return replace(
        repair,
        request=repair.request and own.request_facet(repair.request),
        links=repair.links and own.facet(repair.links, _LINKS),
        entry=repair.entry and own.facet(repair.entry, _ENTRY),
        fields=_without_partial_total(fields) if repair.keeps else fields,
        headers=repair.headers and own.facet(repair.headers, _HEADERS),
        keeps=repair.keeps and own.keeps(repair.keeps),
        witness=repair.witness and _guarded_witness(repair.witness),
    )


class _Guard:
    """Turns errors of one repair's facets into failures that name it."""

    def __init__(self, repair_id: str, credential_headers: frozenset[str]) -> None:
        self._id = repair_id
        self._credential_headers = credential_headers

    def request_facet(self, facet: _RequestFacet) -> _RequestFacet:
        """Return a facet of requests whose result is checked."""
        kind = catalog.REQUEST_REPAIR_FAILED

        def repair_request(request: FhirRequest) -> FhirRequest:
            new = self._call(kind, request, lambda: facet(request))
            if new is request:
                return request
            self._require_none(kind, request, lambda: request_problem(request, new, self._credential_headers))
            return new.replace(headers=lower_case_headers(new.headers))

        return repair_request

    def facet(self, facet: _Facet[_T], part: _Part[_T]) -> _Facet[_T]:
        """Return a facet of responses that gets a view, and whose result is checked and copied."""
        kind = catalog.RESPONSE_REPAIR_FAILED

        def repair_part(request: FhirRequest, old: _T) -> _T:
            view = part.view(old)
            new = self._call(kind, request, lambda: facet(request, view))
            if new is view:
                return old
            self._require_none(kind, request, lambda: part.problem(old, new))
            return self._call(kind, request, lambda: part.copy(new))

        return repair_part

    def keeps(self, keeps: _Filter) -> _Filter:
        """Return a filter that never decides by an error, or by anything but a bool."""
        kind = catalog.RESPONSE_REPAIR_FAILED

        def keeps_entry(request: FhirRequest, entry: Entry) -> bool:
            result: Any = self._call(kind, request, lambda: keeps(request, entry_view(entry)))
            if not isinstance(result, bool):
                raise self._failure(kind, request, f"returned {type(result).__name__} instead of a bool")
            return result

        return keeps_entry

    def _require_none(self, kind: FailureKind, request: FhirRequest, problem_of: Callable[[], str]) -> None:
        if problem := self._call(kind, request, problem_of):
            raise self._failure(kind, request, problem)

    def _call(self, kind: FailureKind, request: FhirRequest, call: Callable[[], _T]) -> _T:
        """Call code of the plugin, which never waits: a CancelledError that it raises is its own."""
        try:
            return call()
        except Failure as failure:
            problem_of_raised = partial(self._problem_of_raised, kind, request, failure)
            self._require_none(kind, request, problem_of_raised)
            raise
        except BaseException as error:
            raise self._failure(kind, request, type(error).__name__) from error

    def _problem_of_raised(self, kind: FailureKind, request: FhirRequest, failure: Failure) -> str:
        """Return why the client may not get a failure that a facet raised on purpose."""
        if problem := failure_problem(failure):
            return problem
        is_after_write = kind.may_have_run and may_write(request)
        return f"raised {failure.kind.code} after a write" if is_after_write else ""

    def _failure(self, kind: FailureKind, request: FhirRequest, problem: str) -> Failure:
        """Failure that names the repair; after a write, one that says that its outcome is unknown."""
        diagnostics = f"request={request.request_id} repair={self._id} problem={problem}"
        if not (kind.may_have_run and may_write(request)):
            return Failure(kind, diagnostics=diagnostics)
        unknown = kind_for(catalog.WRITE_OUTCOME_UNKNOWN, request.interaction)
        return Failure(unknown, diagnostics=diagnostics, codings=((ERROR_CODE_SYSTEM, kind.code),))


def _without_partial_total(facet: _Facet[Fields] | None) -> _Facet[Fields]:
    """Return a facet, after another, that removes a `total` of matches that the filter cannot all see."""

    def repair_fields(request: FhirRequest, old: Fields) -> Fields:
        fields = facet(request, old) if facet else old
        if "total" not in fields or not _counts_other_pages(request, old):
            return fields
        return {name: raw for name, raw in fields.items() if name != "total"}

    return repair_fields


def _counts_other_pages(request: FhirRequest, fields: Fields) -> bool:
    if not request.interaction.is_search:
        return False
    if request.upstream_search.is_count or request.plan.position != START:
        return bytes(fields["total"]) != b"0" if "total" in fields else False
    links = array_objects(fields.get("link"))
    return any(string_value(link.get("relation")) in _OTHER_PAGES for link in links)


def _guarded_witness(witness: Witness) -> Witness:
    """Return a witness that says nothing if it raises, and little at a time."""

    def observe(request: FhirRequest, answer: UpstreamAnswer) -> Iterable[tuple[str, Verdict]]:
        try:
            stated = list(islice(witness(request, answer_view(answer)), _MAX_FACETS))
            verdicts = [(str(facet), verdict) for facet, verdict in stated]
            return [each for each in verdicts if each[1] in _VERDICTS and len(each[0]) <= _MAX_FACET]
        except BaseException:  # noqa: BLE001 - what a witness says never changes an answer
            return ()

    return observe
