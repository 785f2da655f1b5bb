"""Criteria that the upstream ignored, detected by its `self` link, its warnings or its matches."""

import re
from collections import Counter
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from gateway.dates.matcher import DatePredicate, has_readable_value, meets_predicate
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.includes import search_mode
from gateway.fhir.search_params import SearchParams
from gateway.paging.upstream_links import self_link_search
from gateway.search.match_sample import sample_matches
from gateway.search.split_plan import ELEMENT_HIDING_PARAMETERS

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def stated_search(position: Position, sent_search: SearchParams, bundle: Bundle) -> SearchParams | None:
    """Search in the upstream's `self` link; None on a later page, or if the link shows none or another."""
    self_search = None if position.upstream_link else self_link_search(bundle)
    stated_names = {parameter.name for parameter in self_search.parameters} if self_search else set()
    is_stated = stated_names and stated_names <= {parameter.name for parameter in sent_search.parameters}
    return self_search if is_stated else None


def lacks_values(
    sent_search: SearchParams, names: AbstractSet[str], self_search: SearchParams | None
) -> bool:
    """Whether the stated search lacks a value of one of these date parameters; a date has many spellings."""
    return self_search is not None and any(
        _prefixes(sent_search, name) - _prefixes(self_search, name) for name in names
    )


def _prefixes(search: SearchParams, name: str) -> Counter[str]:
    dates = (date for value in search.values(name) for date in value.split(","))
    return Counter(date[:2] if date[:2].isalpha() else "eq" for date in dates)


def ignored_criteria(
    sent_search: SearchParams, names: AbstractSet[str], self_search: SearchParams | None
) -> frozenset[str]:
    """Names of the sent parameters, except `names`, that the stated search lacks."""
    if self_search is None:
        return frozenset()
    stated_names = {parameter.name for parameter in self_search.parameters}
    return frozenset({parameter.name for parameter in sent_search.parameters} - names - stated_names)


def has_ignored_warning(names: AbstractSet[str], bundle: Bundle) -> bool:
    """Whether a warning among the entries names one of these parameters."""
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names).encode())
    outcomes = (entry for entry in bundle.entries if search_mode(entry) == "outcome")
    return any(pattern.search(bytes(entry.resource or b"")) for entry in outcomes)


def may_hide_elements(sent_search: SearchParams) -> bool:
    """Whether matches may lack the elements that a date criterion tests; a count should have no matches."""
    return not sent_search.is_count and any(
        parameter.name in ELEMENT_HIDING_PARAMETERS for parameter in sent_search.parameters
    )


def contradicts_criteria(request: FhirRequest, bundle: Bundle) -> bool:
    """Whether a match contains a date that one of the request's date criteria excludes."""
    predicates = [
        plan.predicate for plan in request.plan.date_plans if plan.predicate is not None and plan.exact
    ]
    if not predicates:
        return False
    return any(_contradicts_any(request, entry, predicates) for entry in sample_matches(bundle))


def _contradicts_any(request: FhirRequest, entry: Entry, predicates: list[DatePredicate]) -> bool:
    if entry.resource is None or request.site is None:
        return False
    resource, zone = _decode(entry.resource), request.site.zone
    return any(
        has_readable_value(predicate, resource) and not meets_predicate(predicate, resource, zone)
        for predicate in predicates
    )
