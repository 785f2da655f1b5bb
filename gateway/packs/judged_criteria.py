"""Verbs `drop` and `filter`: the gateway judges each match of a search by a criterion."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gateway.dates.registry import is_registered
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import decode_resource
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, JudgedCriteria, Parameter
from gateway.packs.conditions import Condition, without_search_parameter
from gateway.packs.facets import Facets
from gateway.packs.file import Drop, Filter, When
from gateway.packs.judges import MAX_VALUES, can_judge, count_values, is_exact_date, make_judge
from gateway.packs.links import from_page_parameter, page_name, with_criteria, with_judged_criteria
from gateway.packs.refusals import PACK_REFUSAL
from gateway.packs.tables import judged_parameter
from gateway.repairs.repair import Fields, Links
from gateway.upstreams.entry_modes import may_include_type, resource_type
from gateway.upstreams.patient_criteria import may_name_patient

#: Parameters that select neither matches nor their order nor other entries: a server may ignore them.
SHAPING_PARAMETERS = frozenset({"_contained", "_containedType", "_elements", "_pretty", "_score", "_total"})
#: Parameters that may leave out of a match what the gateway judges it by.
_HIDING = frozenset({"_elements", "_summary"})
#: Parameters of R4 that select matches of every type and stand in no registry.
_CRITERIA = frozenset({"_filter", "_has", "_list"})


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
    name = verb.drop
    if verb.filter == "none":
        return _shaping_facets(name, applies)
    matches = _JudgedMatches(name, applies)

    def request(request: FhirRequest) -> FhirRequest:
        if matches.is_judged(request):  # a further page, whose link may state the parameter
            return without_search_parameter(request, name, page_name(name))
        stated = matches.stated_criteria(request)
        if not stated.criteria:
            return request
        sent = without_search_parameter(request, name, page_name(name))
        _require_exact(request, stated.criteria)
        if not stated.is_page:
            _require_other_criterion(sent, name)
        return matches.with_judge(sent, stated)

    return matches.facets(request)


def filter_facets(verb: Filter, applies: Condition) -> Facets:
    """Judge the matches by a parameter that is sent, and keep it in links."""
    name = verb.filter
    matches = _JudgedMatches(name, applies)

    def request(request: FhirRequest) -> FhirRequest:
        stated = _NONE if matches.is_judged(request) else matches.stated_criteria(request)
        judged = [each for each in stated.criteria if can_judge(request, each)]
        if not judged:
            return request
        sent = without_search_parameter(request, page_name(name))
        return matches.with_judge(sent, stated._replace(criteria=judged))

    return matches.facets(request)


def _shaping_facets(name: str, applies: Condition) -> Facets:
    """Remove a parameter that selects nothing from what is sent, and show it in the link of the search."""

    def request(request: FhirRequest) -> FhirRequest:
        return without_search_parameter(request, name) if applies(request) else request

    def links(request: FhirRequest, links: Links) -> Links:
        if not (request.is_mounted and applies(request)):
            return links
        return with_criteria(links, [each for each in request.client_search.parameters if each.code == name])

    return Facets(request=request, links=links)


class _StatedCriteria(NamedTuple):
    """The client's criteria on a parameter, each once; `is_page`: they came in a page link of the gateway."""

    criteria: list[Parameter]
    is_page: bool = False


_NONE = _StatedCriteria([])


class _JudgedMatches:
    """Judges the matches of the searches to which an issue applies, by the client's own criteria."""

    def __init__(self, name: str, applies: Condition) -> None:
        self._name, self._applies = name, applies

    def facets(self, request: Callable[[FhirRequest], FhirRequest]) -> Facets:
        """Return the facets of a verb that judges, with its own of the request."""
        return Facets(request, links=self.restore_links, keeps=self.keeps, fields=self.without_total)

    def stated_criteria(self, request: FhirRequest) -> _StatedCriteria:
        """Return the client's criteria; none if the issue does not apply. Raises Failure 400 for too many."""
        own = request.client_search
        shown = own.map_parameters(lambda each: (from_page_parameter(each, self._name),))
        is_page = shown is not own
        if not self._applies(request.replace(client_search=shown) if is_page else request):
            return _NONE
        new = zip(own.parameters, shown.parameters, strict=True)
        of_page = [each for old, each in new if each is not old]
        plain = [each for each in own.parameters if each.code == self._name]
        criteria = list({(each.name, each.value): each for each in of_page or plain}.values())
        if count_values(criteria) > MAX_VALUES:
            raise Failure(PACK_REFUSAL, text=_TOO_MANY, expression=f"http.{self._name}", issue="too-costly")
        return _StatedCriteria(criteria, is_page)

    def with_judge(self, request: FhirRequest, stated: _StatedCriteria) -> FhirRequest:
        """Return the request with the judge of its matches. Raises Failure 400 if they do not show it all."""
        _require_shown(request, self._name)
        criteria = tuple(stated.criteria)
        judged = JudgedCriteria(self, criteria, make_judge(request, criteria), stated.is_page)
        return request.with_plan(judged=(*request.plan.judged, judged))

    def is_judged(self, request: FhirRequest) -> bool:
        """Whether the matches of a request are judged already."""
        return self._judged_criteria(request) is not None

    def restore_links(self, request: FhirRequest, links: Links) -> Links:
        """Return the links with the criteria by which a page is judged; a practice's are tokens with them."""
        judged = self._judged_criteria(request) if request.is_mounted else None
        return with_judged_criteria(links, judged.criteria, is_page=judged.is_page) if judged else links

    def keeps(self, request: FhirRequest, entry: Entry) -> bool:
        """Whether an entry is no match of this type, or meets the criteria. Raises UnreadableError."""
        judged = self._judged_criteria(request)
        if judged is None or entry.resource is None or entry.stated_mode in {"include", "outcome"}:
            return True
        is_match = resource_type(entry.resource) == request.interaction.type
        return not is_match or judged.meets(decode_resource(entry.resource))

    def without_total(self, request: FhirRequest, fields: Fields) -> Fields:
        """Return the Bundle's fields without `total`, which counts what the judge removes."""
        if "total" not in fields or not self.is_judged(request):
            return fields
        return {name: raw for name, raw in fields.items() if name != "total"}

    def _judged_criteria(self, request: FhirRequest) -> JudgedCriteria | None:
        return next((each for each in request.plan.judged if each.owner is self), None)


def _require_exact(request: FhirRequest, criteria: Sequence[Parameter]) -> None:
    """Raise Failure 400 unless the gateway alone can judge every match, with modifiers, values and zones."""
    name = criteria[0].code
    if not all(can_judge(request, each) for each in criteria):
        raise Failure(PACK_REFUSAL, text=_UNJUDGED, expression=f"http.{name}")
    if request.is_mounted and not all(is_exact_date(request, each) for each in criteria):
        raise Failure(PACK_REFUSAL, text=_NO_ZONE, expression=f"http.{name}")


def _require_other_criterion(request: FhirRequest, name: str) -> None:
    """Raise Failure 400 if nothing that is sent selects matches."""
    own = {each.code for each in request.client_search.parameters}
    if not any(_selects(request.interaction.type, each, own) for each in request.upstream_search.parameters):
        raise Failure(PACK_REFUSAL, text=_ALONE, expression=f"http.{name}")


def _selects(type_: str, parameter: Parameter, client_codes: set[str]) -> bool:
    """Whether a parameter is a criterion: one of R4, or one whose name a pack gave it."""
    code = re.split("[.:]", parameter.name, maxsplit=1)[0]
    is_known = is_registered(type_, code) or code in _CRITERIA or parameter.code not in client_codes
    return is_known and code not in RESULT_ONLY_PARAMETERS and bool(parameter.value.strip())


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
_NO_ZONE = (
    "The upstream does not serve this parameter, so the gateway judges the matches by it, but it does not"
    " know in which time zone the upstream reads a date. This search was not sent. Write a time with an"
    " offset, such as 2024-01-01T00:00:00+10:00; of an element that has only dates, write a date alone."
)
_TOO_MANY = (
    f"The gateway judges each match by at most {MAX_VALUES} values of this parameter. This search was not"
    " sent. Write fewer values, in several searches."
)
_NOT_SHOWN = (
    "The upstream does not apply this parameter as R4 says, so the gateway judges each match by it. It cannot"
    " do that for a count, for _elements or _summary, or if an include gives resources of the same type. This"
    " search was not sent. Remove one of them."
)
