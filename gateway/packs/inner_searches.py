"""Searches inside other requests: the conditions of changes, and the entries of a batch or transaction.

The upstream runs them itself, so no verb changes them and no judge sees their matches: they are refused.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import SearchParams, parse_search
from gateway.http.preferences import accepts_asynchronous_response
from gateway.packs.conditions import Condition, stated_parameters
from gateway.packs.refusals import PACK_REFUSAL
from gateway.validation.transaction_entries import EntryRequest, entry_requests

RequestFacet = Callable[[FhirRequest], FhirRequest]
#: Changes whose URL or If-None-Exist may have criteria (R4 http.html).
_CHANGES = frozenset({"create", "update", "patch", "delete"})
#: Name under which a request keeps its inner searches, so that the verbs of all issues read its body once.
_STORED = "pack_inner_searches"


class InnerSearch(NamedTuple):
    """A search inside a request, as a request of its own, and its place.

    `is_condition`: of a change. `has_form`: its criteria may be where the gateway does not see them.
    """

    request: FhirRequest
    place: str
    is_condition: bool = False
    has_form: bool = False


def searches_by(applies: Condition, name: str) -> Condition:
    """Return the test of a search by a parameter; it never holds without a name."""
    return lambda search: bool(name) and _has(search, name) and applies(search)


def with_inner_searches(facet: RequestFacet, applies: Condition, name: str = "") -> RequestFacet:
    """Return a facet of searches that also refuses the inner searches which it would change or refuse.

    `name`: a parameter that the verb renames or judges matches by; empty if it does neither. Such a search is
    refused, too, if its matches come later, or if its URL names no type by which the verb could know it.
    """
    concerns = searches_by(applies, name)

    def is_unreached(inner: InnerSearch) -> bool:
        try:
            is_changed = facet(inner.request) is not inner.request
        except Failure:
            return True
        return inner.has_form or concerns(inner.request) or (is_changed and not inner.is_condition)

    def request(request: FhirRequest) -> FhirRequest:
        if name and request.interaction.is_search and _has(request, name):
            _require_reach(request, name, applies)
        for inner in inner_searches(request):
            if is_unreached(inner):
                text = _CONDITION if inner.is_condition else _ENTRY
                raise Failure(PACK_REFUSAL, text=text, expression=inner.place)
        return facet(request)

    return request


def _require_reach(request: FhirRequest, name: str, applies: Condition) -> None:
    """Raise Failure 400 for a search by the parameter whose matches the verb would not see."""
    if not request.interaction.type:
        raise Failure(PACK_REFUSAL, text=_NO_TYPE, expression=f"http.{name}")
    if accepts_asynchronous_response(request) and applies(request):
        raise Failure(PACK_REFUSAL, text=_LATER, expression="http.prefer")


def _has(request: FhirRequest, name: str) -> bool:
    return any(each.code == name for each in stated_parameters(request))


def inner_searches(request: FhirRequest) -> tuple[InnerSearch, ...]:
    """Return the searches inside a request. Raises Failure 400 for a Bundle that the gateway cannot judge."""
    code = request.interaction.code
    if code == "transaction":
        stored: tuple[InnerSearch, ...] | None = request.__dict__.get(_STORED)
        if stored is None:
            stored = request.__dict__[_STORED] = tuple(_searches_of_entries(request))
        return stored
    if code in _CHANGES:
        return tuple(_conditions_of_change(request))
    return ()


def _searches_of_entries(request: FhirRequest) -> Iterator[InnerSearch]:
    for entry in entry_requests(request, with_reads=True):
        interaction = entry.interaction
        if interaction.is_search:
            search = _as_search(request, interaction.type, entry.search)
            yield InnerSearch(search, entry.place, has_form=entry.has_form)
        elif interaction.code in _CHANGES:
            yield from _conditions_of_entry(request, entry)


def _conditions_of_entry(request: FhirRequest, entry: EntryRequest) -> Iterator[InnerSearch]:
    for search in (entry.search, parse_search(_query_of(entry.if_none_exist))):
        if search.parameters:
            yield InnerSearch(
                _as_search(request, entry.interaction.type, search), entry.place, is_condition=True
            )


def _conditions_of_change(request: FhirRequest) -> Iterator[InnerSearch]:
    type_, headers = request.interaction.type, request.headers
    if request.upstream_search.parameters:
        yield InnerSearch(
            _as_search(request, type_, request.upstream_search), "http.query", is_condition=True
        )
    for value in (value for name, value in headers if name == "if-none-exist"):
        search = parse_search(_query_of(value))
        yield InnerSearch(_as_search(request, type_, search), "http.if-none-exist", is_condition=True)


def _query_of(condition: str) -> str:
    """Query of an If-None-Exist, which some clients write with the type."""
    return condition.rpartition("?")[2].strip()


def _as_search(request: FhirRequest, type_: str, search: SearchParams) -> FhirRequest:
    return request.replace(
        method="GET",
        path=type_,
        interaction=Interaction("search-type", type_),
        client_search=search,
        upstream_search=search,
    )


_CONDITION = (
    "The upstream is known not to apply a criterion of this change as R4 says, so the change could meet other"
    " records. It was not sent. Search first, and send the change without the condition."
)
_ENTRY = (
    "The upstream is known not to serve the search of this entry as R4 says, and the gateway cannot mend it"
    " inside a Bundle, which the upstream runs as a whole. Nothing was sent. Send this search as a request of"
    " its own."
)
_LATER = (
    "The gateway judges the matches of this search, or sends it under other names, which it cannot do for a"
    " result that comes later. This search was not sent. Send it without Prefer: respond-async."
)
_NO_TYPE = (
    "The upstream is known not to apply this parameter as R4 says, and this URL does not name the type by"
    " which the gateway could judge the matches. The page was not asked for. Search again with a _count that"
    " is large enough for one page, or without the parameter."
)
