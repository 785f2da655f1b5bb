"""Conditions of an issue on a request, and edits of the searches that a request sends."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.packs.file import When
from gateway.packs.refusals import PACK_REFUSAL

Condition = Callable[[FhirRequest], bool]
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "": operator.eq,
    "=": operator.eq,
}
_VERSION_UNKNOWN = (
    "The upstream's name of a parameter of this search depends on the version of its software, which the"
    " gateway does not know yet. This search was not sent. GET metadata, from which the gateway learns the"
    " version, then repeat the search."
)
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,9}", re.ASCII)


def condition_of(when: When, *, needs_version: bool = False) -> Condition:
    """Return the test of a request by type, interaction, parameter and engine version.

    With `needs_version`, it raises Failure 400 if the version counts and is unknown.
    """
    types, interactions = frozenset(when.type or ()), frozenset(when.interaction or ())
    names, is_engine = frozenset(when.parameter or ()), _engine_test(when.engine_version or "", needs_version)

    def applies(request: FhirRequest) -> bool:
        interaction = request.interaction
        return (
            (not types or interaction.type in types)
            and (not interactions or interaction.code in interactions)
            and (not names or not names.isdisjoint(each.code for each in stated_parameters(request)))
            and is_engine(request)
        )

    return applies


def of_searches(applies: Condition) -> Condition:
    """Return the condition, which then holds for searches only."""
    return lambda request: request.interaction.is_search and applies(request)


def _engine_test(text: str, needs_version: bool) -> Condition:
    """Test of the engine's version, which holds while it is not known: an issue may be there."""
    if not text:
        return lambda _: True
    comparison = _COMPARISONS[re.sub(r"[\d. ]", "", text)]
    expected = _numbers(text.lstrip("<>= "))

    def test(request: FhirRequest) -> bool:
        version = request.site.engine_version if request.site is not None else ""
        if _VERSION.fullmatch(version):
            return bool(comparison(_numbers(version)[: len(expected)], expected))
        if needs_version:
            raise Failure(PACK_REFUSAL, text=_VERSION_UNKNOWN)
        return True

    return test


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def stated_parameters(request: FhirRequest) -> Iterator[Parameter]:
    """Yield the parameters of the client, and those that the request has for the upstream."""
    yield from request.client_search.parameters
    if request.upstream_search is not request.client_search:
        yield from request.upstream_search.parameters


def map_searches(request: FhirRequest, change: Callable[[Parameter], Iterable[Parameter]]) -> FhirRequest:
    """Return the request with the parameters of each search that it sends changed; itself if none is."""
    return _with_searches(request, lambda search: search.map_parameters(change))


def add_parameter(request: FhirRequest, parameter: Parameter) -> FhirRequest:
    """Return the request with a parameter added to each search that it sends."""
    return _with_searches(request, lambda search: search.with_parameters((parameter,)))


def _with_searches(request: FhirRequest, edit: Callable[[SearchParams], SearchParams]) -> FhirRequest:
    search = edit(request.upstream_search)
    if search is not request.upstream_search:
        request = request.replace(upstream_search=search)
    splits = request.plan.split_searches
    if splits:
        new = tuple(map(edit, splits))
        if any(one is not other for one, other in zip(new, splits, strict=True)):
            request = request.with_plan(split_searches=new)
    return request


def without_search_parameter(request: FhirRequest, *names: str) -> FhirRequest:
    """Return the request without parameters of these names in what it sends; itself without any.

    Modifiers do not count. Searches that differ only in such a date become one, because nothing splits them.
    """
    new = map_searches(request, lambda each: () if each.name in names or each.code in names else (each,))
    plans = tuple(plan for plan in new.plan.date_plans if plan.name not in names)
    searches = new.plan.split_searches
    if not searches or len(plans) == len(new.plan.date_plans):
        return new
    distinct = tuple(dict.fromkeys(searches))
    return new.replace(upstream_search=distinct[0]).with_plan(
        split_searches=distinct if plans else None, date_plans=plans
    )
