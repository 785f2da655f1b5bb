"""Verbs `drop` and `filter`: the gateway judges each match of a search by a criterion."""

from collections.abc import Callable, Iterator

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.includes import stated_mode
from gateway.fhir.raw_json import decode_resource
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, Parameter
from gateway.packs.conditions import Condition, map_searches, stated_parameters
from gateway.packs.facets import Facets
from gateway.packs.file import Drop, Filter, When
from gateway.packs.judges import Judge, UnjudgedError, make_judge
from gateway.packs.links import with_criteria
from gateway.packs.refusals import PACK_REFUSAL
from gateway.packs.tables import judged_parameter
from gateway.repairs.repair import Fields, Links
from gateway.upstreams.entry_modes import may_include_type, resource_type
from gateway.upstreams.patient_criteria import may_name_patient

#: Parameters that select neither matches nor their order nor other entries: a server may ignore them.
SHAPING_PARAMETERS = frozenset({"_contained", "_containedType", "_elements", "_pretty", "_score", "_total"})
#: Parameters that may leave out of a match what the gateway judges it by.
_HIDING = frozenset({"_elements", "_summary"})


def judged_problems(name: str, when: When, stated_type: str = "") -> Iterator[str]:
    """Yield why matches cannot be judged by a parameter; `stated_type` as in the file, if it is there."""
    if not when.type:
        yield f"name the types in `when`: the gateway judges {name} by its elements"
    if when.parameter and name not in when.parameter:
        others = ", ".join(when.parameter)
        yield f"name {name} in `when`: links to further pages may have none of {others}"
    for type_ in when.type or ():
        judged = judged_parameter(type_, name)
        if judged is None:
            yield f"the gateway cannot judge {name} of {type_}; use require, or leave the parameter"
        elif stated_type not in {"", judged.type}:
            yield f'{name} of {type_} is a {judged.type} in R4: write filter = "{judged.type}"'


def drop_problems(verb: Drop, when: When) -> Iterator[str]:
    """Yield why a parameter may not be dropped: only a judge or no influence on the matches permits it."""
    if verb.filter == "none":
        if verb.drop not in SHAPING_PARAMETERS:
            yield f"only {', '.join(sorted(SHAPING_PARAMETERS))} can be dropped without a filter"
        return
    if any(may_name_patient(type_, verb.drop) for type_ in when.type or ()):
        yield f"{verb.drop} selects a patient and must be sent"
    yield from judged_problems(verb.drop, when, verb.filter)


def filter_problems(verb: Filter, when: When) -> Iterator[str]:
    """Yield why matches cannot be judged."""
    yield from judged_problems(verb.filter, when)


def drop_facets(verb: Drop, applies: Condition) -> Facets:
    """Remove the parameter from what is sent, judge the matches, and restore it in links."""
    name, is_judged = verb.drop, verb.filter != "none"

    def request(request: FhirRequest) -> FhirRequest:
        if not (applies(request) and _criteria(request, name)):
            return request
        if is_judged:
            _require_judge(request, name)
        return map_searches(request, lambda each: () if each.code == name else (each,))

    matches = _JudgedMatches(name, applies)
    return matches.facets(request) if is_judged else Facets(request=request, links=matches.restore_links)


def filter_facets(verb: Filter, applies: Condition) -> Facets:
    """Judge the matches by a parameter that is sent, and keep it in links."""
    matches = _JudgedMatches(verb.filter, applies)

    def request(request: FhirRequest) -> FhirRequest:
        if matches.is_active(request):
            _require_shown(request, verb.filter)
        return request

    return matches.facets(request)


class _JudgedMatches:
    """Judges the matches of the searches to which an issue applies."""

    def __init__(self, name: str, applies: Condition) -> None:
        self._name, self._applies = name, applies

    def facets(self, request: Callable[[FhirRequest], FhirRequest]) -> Facets:
        """Return the facets of a verb that judges, with its own of the request."""
        return Facets(request, links=self.restore_links, keeps=self.keeps, fields=self.without_total)

    def restore_links(self, request: FhirRequest, links: Links) -> Links:
        """Return the links with the criteria, by which the next page is judged."""
        return with_criteria(links, _criteria(request, self._name)) if self._applies(request) else links

    def is_active(self, request: FhirRequest) -> bool:
        """Whether the matches of a request are judged."""
        return self._judge_of(request) is not None

    def keeps(self, request: FhirRequest, entry: Entry) -> bool:
        """Whether an entry is no match of this type, or meets the criteria. Raises UnreadableError."""
        judge = self._judge_of(request)
        if judge is None or entry.resource is None or stated_mode(entry) in {"include", "outcome"}:
            return True
        is_match = resource_type(entry.resource) == request.interaction.type
        return not is_match or judge(decode_resource(entry.resource))

    def without_total(self, request: FhirRequest, fields: Fields) -> Fields:
        """Return the Bundle's fields without `total`, which counts what the judge removes."""
        if "total" not in fields or self._judge_of(request) is None:
            return fields
        return {name: raw for name, raw in fields.items() if name != "total"}

    def _judge_of(self, request: FhirRequest) -> Judge | None:
        criteria = _criteria(request, self._name) if self._applies(request) else ()
        try:
            return make_judge(request, criteria) if criteria else None
        except UnjudgedError:  # of a parameter that is sent: the upstream judges it alone
            return None


def _criteria(request: FhirRequest, name: str) -> tuple[Parameter, ...]:
    """Criteria of a search on a parameter, each once."""
    stated = {(each.name, each.value): each for each in stated_parameters(request) if each.code == name}
    return tuple(stated.values())


def _require_judge(request: FhirRequest, name: str) -> None:
    """Raise Failure 400 unless the gateway can judge every match of the search without the parameter."""
    expression = f"http.{name}"
    try:
        make_judge(request, _criteria(request, name))
    except UnjudgedError:
        raise Failure(PACK_REFUSAL, text=_UNJUDGED, expression=expression) from None
    names = {each.code for each in request.upstream_search.parameters}
    if names <= RESULT_ONLY_PARAMETERS | {name}:
        raise Failure(PACK_REFUSAL, text=_ALONE, expression=expression)
    _require_shown(request, name)


def _require_shown(request: FhirRequest, name: str) -> None:
    """Raise Failure 400 if a page does not show of each match what the gateway judges it by."""
    search, type_ = request.upstream_search, request.interaction.type
    hides = not _HIDING.isdisjoint(each.code for each in search.parameters)
    if hides or request.client_search.is_count or may_include_type(request.client_search, type_):
        raise Failure(PACK_REFUSAL, text=_NOT_SHOWN, expression=f"http.{name}")


_UNJUDGED = (
    "The upstream does not serve this parameter, and the gateway cannot judge the matches by this form of it."
    " This search was not sent. Write plain values without a modifier, or remove the parameter."
)
_ALONE = (
    "The upstream does not serve this parameter, and without it the search would read all records. This"
    " search was not sent. Add another criterion."
)
_NOT_SHOWN = (
    "The upstream does not apply this parameter as R4 says, so the gateway judges each match by it. It cannot"
    " do that for a count, for _elements or _summary, or if an include gives resources of the same type. This"
    " search was not sent. Remove one of them."
)
