"""Verbs of requests: `rename`, `require`, `split-list`, `limit-ids`, `read-instead-of-search`.

They change or refuse a search. None of them adds a request, and none changes what a search means in R4.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec
from msgspec import Raw

from gateway.dates.registry import is_registered
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.interaction import interaction_for
from gateway.fhir.raw_json import object_fields, string_value
from gateway.fhir.search_params import RESULT_PARAMETERS, Parameter, encode_parameter
from gateway.http.preferences import accepts_asynchronous_response
from gateway.packs.conditions import Condition, add_parameter, map_searches, stated_parameters
from gateway.packs.facets import Facets
from gateway.packs.file import LimitIds, ReadInsteadOfSearch, Rename, Require, SplitList, When
from gateway.packs.links import with_names
from gateway.packs.page_links import is_page_link
from gateway.packs.refusals import PACK_REFUSAL
from gateway.repairs.repair import Links
from gateway.upstreams.patient_criteria import may_name_patient

#: (client's name, upstream's name) of which the second is the first without a limit of its target's type; the
#: gateway compares the patient of each match with the client's criterion anyway.
_WIDER = frozenset({("patient", "subject")})
#: Parameters that select a patient of any type.
_PATIENT = frozenset({"identifier", "patient", "subject"})
#: Parts of names by which an upstream could read a value as a credential.
_SECRET = re.compile(r"key(?!word)|token|secret|passw|auth(?!or)|credential|signature|session", re.IGNORECASE)
#: Parameters that get a default: they select no match.
_DEFAULTS = frozenset({"_count", "_sort", "_total"})
#: Parameters whose list and whose repetition mean the same: each member has its effect, none selects a match.
_LISTS = frozenset({"_elements", "_include", "_revinclude", "_sort"})
#: Parameters of a search by id that a read needs not, because it returns one resource whole.
_OF_RESULT = frozenset({"_count", "_format", "_pretty", "_total"})
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
#: `Patient/` of `Patient/p1`, which names the same resource as `p1`.
_TYPE_PREFIX = re.compile(r"^[A-Z][A-Za-z]{1,63}/", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


def rename_problems(verb: Rename, when: When) -> Iterator[str]:
    """Yield why a parameter may not have the other name: it must not mean something else in R4."""
    types = when.type or ()
    if verb.rename in RESULT_PARAMETERS or verb.rename == "_id":
        yield f"{verb.rename} is R4's own and cannot be renamed"
    if not types:
        yield "name the types in `when`: the new name must not be a parameter of R4"
    if verb.to.startswith("_") or _SECRET.search(verb.to):
        yield f"{verb.to} begins with _ or names a credential: no criterion may have this name"
    if (verb.rename, verb.to) in _WIDER:
        yield from (
            f"{type_} has no {verb.to} in R4: an upstream could ignore it and return other patients' records"
            for type_ in types
            if not is_registered(type_, verb.to)
        )
        return
    if verb.rename in _PATIENT or any(may_name_patient(type_, verb.rename) for type_ in types):
        yield (
            f"{verb.rename} selects a patient: an upstream that ignores {verb.to} would return records of"
            " others; only patient can become subject"
        )
    if any(is_registered(type_, name) for type_ in types for name in (verb.to, verb.to.lower())):
        yield f"{verb.to} is another parameter of R4, so the search would mean something else; use drop"


def shared_name_problems(renames: Sequence[tuple[Rename, When]]) -> Iterator[str]:
    """Yield the new names that two parameters of one type would get."""
    found = dict[tuple[str, str], set[str]]()
    for verb, when in renames:
        for type_ in when.type or ():
            found.setdefault((type_, verb.to), set()).add(verb.rename)
    for (type_, to), names in found.items():
        if len(names) > 1:
            yield f"{' and '.join(sorted(names))} of {type_} would both be {to}: one needs another verb"


def rename_facets(verb: Rename, applies: Condition) -> Facets:
    """Send the parameter under the upstream's name, and show the client's in links."""

    def upstream_parameter(parameter: Parameter) -> Parameter:
        name = verb.to + parameter.name[len(verb.rename) :]
        return encode_parameter(name, parameter.value, parameter.place)

    def request(request: FhirRequest) -> FhirRequest:
        is_used = any(each.code == verb.rename for each in stated_parameters(request))
        if not (is_used and applies(request)):
            return request
        return map_searches(
            request, lambda each: (upstream_parameter(each) if each.code == verb.rename else each,)
        )

    def links(request: FhirRequest, links: Links) -> Links:
        own = [each for each in stated_parameters(request) if each.code == verb.rename]
        if not (own and applies(request)):
            return links
        return with_names(links, ((upstream_parameter(each).name, each) for each in own))

    return Facets(request=request, links=links)


def require_problems(verb: Require, when: When) -> Iterator[str]:
    """Yield why a search may not need or get this."""
    if not when.parameter:
        yield "name in `when` the parameters that need the others: links to further pages have none of them"
    if verb.default is not None and not set(verb.require) <= _DEFAULTS:
        yield f"a default could hide matches; only {', '.join(sorted(_DEFAULTS))} can have one"


def require_facets(verb: Require, applies: Condition, own_names: Collection[str] = ()) -> Facets:
    """Refuse a search without the companions, or add the default; a link to a page needs none of them.

    `own_names`: the parameters that need the companions, of which some may be the upstream's own.
    """
    text = (
        f"The upstream serves this search only with {', '.join(verb.require)}. {verb.reason} This search"
        " was not sent. Add what is missing."
    )
    known = {*own_names, *verb.require, *(verb.unless or ())}

    def request(request: FhirRequest) -> FhirRequest:
        names = {each.code for each in stated_parameters(request) if _selects(each)}
        is_met = not names.isdisjoint(verb.unless or ())
        missing = [] if is_met else [name for name in verb.require if name not in names]
        if not (missing and applies(request)) or is_page_link(request, known):
            return request
        if verb.default is None:
            raise Failure(PACK_REFUSAL, text=text, expression=f"http.{missing[0]}")
        for name in missing:
            request = add_parameter(request, encode_parameter(name, verb.default))
        return request

    return Facets(request=request)


def _selects(parameter: Parameter) -> bool:
    """Whether a parameter has a value to search by: neither `patient=` nor `patient:missing=true` has one."""
    return bool(parameter.value.strip()) and not parameter.name.endswith((":missing", ":not"))


def split_list_problems(verb: SplitList, _: When) -> Iterator[str]:
    """Yield why a list cannot be split: of a criterion, `a,b` means either, and repetition means both."""
    if verb.split_list not in _LISTS:
        yield (
            f"{verb.split_list}=a,b finds what meets either, {verb.split_list}=a&{verb.split_list}=b what"
            f" meets both; only {', '.join(sorted(_LISTS))} can be split or joined"
        )


def split_list_facets(verb: SplitList, applies: Condition) -> Facets:
    """Send a list as repeated parameters, or repeated parameters as a list."""

    def split(parameter: Parameter) -> Iterable[Parameter]:
        if parameter.code != verb.split_list or "," not in parameter.value:
            return (parameter,)
        return [parameter.with_value(value) for value in parameter.value.split(",") if value]

    def request(request: FhirRequest) -> FhirRequest:
        if not applies(request):
            return request
        return (
            map_searches(request, split) if verb.into == "repeated" else _join_list(request, verb.split_list)
        )

    return Facets(request=request)


def _join_list(request: FhirRequest, name: str) -> FhirRequest:
    given = [each for each in request.upstream_search.parameters if each.name == name]
    if len(given) < 2:  # noqa: PLR2004 - one is a list already
        return request
    joined = given[0].with_value(",".join(each.value for each in given))
    places = iter((joined,))
    return map_searches(request, lambda each: tuple(places) if each.name == name else (each,))


def limit_ids_problems(_: LimitIds, __: When) -> Iterator[str]:
    """Yield nothing: a refusal is always safe."""
    yield from ()


def limit_ids_facets(verb: LimitIds, applies: Condition) -> Facets:
    """Refuse a search with more values, of which each counts once, or with more repetitions."""
    counted = "values" if verb.of == "values" else "repetitions"
    text = (
        f"The upstream serves at most {verb.limit_ids} {counted} of {verb.parameter} in one search. This"
        " search was not sent. Split it into several searches."
    )

    def request(request: FhirRequest) -> FhirRequest:
        given = [each.value for each in request.upstream_search.parameters if each.code == verb.parameter]
        count = len(given) if verb.of == "repetitions" else _distinct_values(given)
        if count > verb.limit_ids and applies(request):
            raise Failure(PACK_REFUSAL, text=text, expression=f"http.{verb.parameter}", issue="too-costly")
        return request

    return Facets(request=request)


def _distinct_values(lists: Iterable[str]) -> int:
    """Count the values of lists; `p1` and `Patient/p1` are one."""
    values = (value.strip() for text in lists for value in _UNESCAPED_COMMA.split(text))
    return len({_TYPE_PREFIX.sub("", value) for value in values})


def read_problems(_: ReadInsteadOfSearch, when: When) -> Iterator[str]:
    """Yield why a search cannot be sent as a read."""
    if not when.type:
        yield "name the types in `when`"


def read_facets(_: ReadInsteadOfSearch, applies: Condition) -> Facets:
    """Send a search by one id alone as a read; an error of the read, 404 included, stays an error."""

    def request(request: FhirRequest) -> FhirRequest:
        id_ = _lone_id(request) if applies(request) else ""
        path = f"{request.interaction.type}/{id_}"
        interaction = interaction_for("GET", path) if id_ else None
        if interaction is None:
            return request
        without = request.upstream_search.without_parameters("_id", "_count", "_total")
        return request.replace(path=path, interaction=interaction, upstream_search=without)

    return Facets(request=request, entry=_as_searchset)


def _lone_id(request: FhirRequest) -> str:
    """Id of a search by it alone that a read answers; else empty."""
    search = request.upstream_search
    ids = search.values("_id")
    names = {each.name for each in search.parameters}
    is_plain = request.method == "GET" and request.plan.split_searches is None and not search.is_count
    is_plain = is_plain and not accepts_asynchronous_response(request)
    is_alone = len(ids) == 1 and names <= _OF_RESULT | {"_id"}
    return ids[0] if is_plain and is_alone and _ID.fullmatch(ids[0]) else ""


def _as_searchset(request: FhirRequest, entry: Entry) -> Entry:
    """Return the resource of a read that stands for a search as a searchset with one match."""
    is_search = "_id" in request.client_search.values_by_name and not request.upstream_search.values("_id")
    if request.interaction.code != "read" or not is_search or entry.resource is None:
        return entry
    type_ = string_value(object_fields(entry.resource).get("resourceType"))
    if type_ != request.interaction.type:
        return entry
    url = f"{request.public_base}/{type_}"
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": [{"relation": "self", "url": f"{url}?{request.client_search.as_get().query}"}],
        "entry": [
            {
                "fullUrl": f"{request.public_base}/{request.path}",
                "resource": entry.resource,
                "search": {"mode": "match"},
            }
        ],
    }
    return entry.with_field("resource", Raw(msgspec.json.encode(bundle)))
