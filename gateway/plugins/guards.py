"""Guards around the facets of a repair that the gateway does not bring itself.

Whatever such a facet raises or returns, the client gets what the upstream sent, repaired, or a Failure that
names the repair: never another search, another match set, or a request under another credential.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, Headers, may_write
from gateway.fhir.bundle import Entry, Link
from gateway.fhir.raw_json import object_fields
from gateway.repairs.repair import Fields, Links, Repair
from gateway.repairs.witness import UpstreamAnswer, Witness
from gateway.sites.issue_states import Verdict
from gateway.upstreams.kinds_by_interaction import kind_for

_T = TypeVar("_T")
_RequestFacet = Callable[[FhirRequest], FhirRequest]
_Facet = Callable[[FhirRequest, _T], _T]
#: Returns what is wrong with the result of a facet; empty if nothing is.
_Check = Callable[[_T, _T], str]
#: What a repair may change in a request. `path` stays below the base.
_FREE_PARTS = frozenset({"upstream_search", "headers", "body", "path", "interaction"})
_FIXED_PARTS = tuple(name for name in FhirRequest.__struct_fields__ if name not in _FREE_PARTS)
#: Fields of a Bundle and of an entry, by which clients find what a search has found.
_FIXED_FIELDS, _FIXED_ENTRY_FIELDS = ("resourceType", "type", "total", "entry"), ("search", "request")
_IDENTITY = ("resourceType", "id")
_VERDICTS = frozenset({"broken", "right", "seen"})
#: Maximum facets that a witness may name in one answer, and characters of each.
_MAX_FACETS, _MAX_FACET = 16, 64


def with_guards(repair: Repair, credential_headers: Iterable[str]) -> Repair:
    """Return the repair with guarded facets; `credential_headers` are lower-case names."""
    own = _Guard(repair.issue.id, frozenset(credential_headers))
    return replace(
        repair,
        request=repair.request and own.request_facet(repair.request),
        links=repair.links and own.facet(repair.links, _links_problem),
        entry=repair.entry and own.facet(repair.entry, _entry_problem),
        fields=repair.fields and own.facet(repair.fields, _fields_problem),
        headers=repair.headers and own.facet(repair.headers, _headers_problem),
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

        def repair_request(request: FhirRequest) -> FhirRequest:
            new = self._call(catalog.REQUEST_REPAIR_FAILED, request, lambda: facet(request))
            if new is not request and (problem := self._request_problem(request, new)):
                raise self._failure(catalog.REQUEST_REPAIR_FAILED, request, problem)
            return new

        return repair_request

    def facet(self, facet: _Facet[_T], problem_of: _Check[_T]) -> _Facet[_T]:
        """Return a facet of responses whose result is checked."""

        def repair_part(request: FhirRequest, old: _T) -> _T:
            kind = catalog.RESPONSE_REPAIR_FAILED
            new = self._call(kind, request, lambda: facet(request, old))
            if new is not old and (problem := self._call(kind, request, lambda: problem_of(old, new))):
                raise self._failure(kind, request, problem)
            return new

        return repair_part

    def keeps(self, keeps: Callable[[FhirRequest, Entry], bool]) -> Callable[[FhirRequest, Entry], bool]:
        """Return a filter that never decides by an error."""
        kind = catalog.RESPONSE_REPAIR_FAILED
        return lambda request, entry: self._call(kind, request, lambda: bool(keeps(request, entry)))

    def _call(self, kind: FailureKind, request: FhirRequest, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except Failure:
            raise
        except Exception as error:
            raise self._failure(kind, request, type(error).__name__) from error

    def _failure(self, kind: FailureKind, request: FhirRequest, problem: str) -> Failure:
        """Failure that names the repair; after a write, one that says that its outcome is unknown."""
        diagnostics = f"request={request.request_id} repair={self._id} problem={problem}"
        if not (kind.may_have_run and may_write(request)):
            return Failure(kind, diagnostics=diagnostics)
        unknown = kind_for(catalog.WRITE_OUTCOME_UNKNOWN, request.interaction)
        return Failure(unknown, diagnostics=diagnostics, codings=((ERROR_CODE_SYSTEM, kind.code),))

    def _request_problem(self, old: FhirRequest, new: Any) -> str:
        if not isinstance(new, FhirRequest):
            return f"returned {type(new).__name__}"
        changed = [name for name in _FIXED_PARTS if getattr(new, name) != getattr(old, name)]
        if changed:
            return f"changed {', '.join(changed)}"
        if new.path != old.path and _leaves_base(new.path):
            return "changed the path to one outside the base"
        return "changed credentials" if self._credentials(new) != self._credentials(old) else ""

    def _credentials(self, request: FhirRequest) -> Headers:
        names = self._credential_headers | _ALWAYS_CREDENTIALS
        return tuple(field for field in request.headers if field[0].lower() in names)


#: Headers that are credentials, or name a host, at every upstream.
_ALWAYS_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "host"})


_URL_MARKS = frozenset("?#\\%")


def _leaves_base(path: str) -> bool:
    has_mark = not _URL_MARKS.isdisjoint(path)
    return has_mark or path.startswith("~") or not {"", ".", ".."}.isdisjoint(path.split("/"))


def _links_problem(old: Links, new: Any) -> str:
    if not isinstance(new, tuple) or not all(isinstance(link, Link) for link in new):
        return f"returned {type(new).__name__} for links"
    are_same = sorted(link.relation for link in old) == sorted(link.relation for link in new)
    return "" if are_same else "added or removed a link"


def _entry_problem(old: Entry, new: Any) -> str:
    if not isinstance(new, Entry):
        return f"returned {type(new).__name__} for an entry"
    if _changed_names(old.fields, new.fields, _FIXED_ENTRY_FIELDS):
        return "changed how an entry was found"
    if (old.resource is None) != (new.resource is None):
        return "added or removed a resource"
    if old.resource is None or new.resource is None or new.resource is old.resource:
        return ""
    changed = _changed_names(object_fields(old.resource), object_fields(new.resource), _IDENTITY)
    return f"changed {', '.join(changed)} of a resource" if changed else ""


def _fields_problem(old: Fields, new: Any) -> str:
    changed = _changed_names(old, new, _FIXED_FIELDS)
    return f"changed {', '.join(changed)} of a Bundle" if changed else ""


def _headers_problem(_: Headers, new: Any) -> str:
    pairs = isinstance(new, tuple) and all(isinstance(field, tuple) and len(field) == 2 for field in new)  # noqa: PLR2004
    texts = pairs and all(isinstance(text, str) and text.isprintable() for field in new for text in field)
    return "" if texts else "returned malformed headers"


def _changed_names(old: Fields, new: Fields, names: Iterable[str]) -> list[str]:
    return [name for name in names if _bytes(old, name) != _bytes(new, name)]


def _bytes(fields: Fields, name: str) -> bytes | None:
    return bytes(fields[name]) if name in fields else None


def _guarded_witness(witness: Witness) -> Witness:
    """Return a witness that says nothing if it raises, and little at a time."""

    def observe(request: FhirRequest, answer: UpstreamAnswer) -> Iterable[tuple[str, Verdict]]:
        try:
            verdicts = [(str(facet), verdict) for facet, verdict in witness(request, answer)]
        except Exception:  # noqa: BLE001 - what a witness says never changes an answer
            return ()
        return tuple(
            (facet, verdict)
            for facet, verdict in verdicts[:_MAX_FACETS]
            if verdict in _VERDICTS and len(facet) <= _MAX_FACET
        )

    return observe
