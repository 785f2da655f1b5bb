"""What the upstream did not use of a search: by its `self` link, its warnings, or its own matches."""

import re
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

import msgspec

from gateway.dates.matcher import DatePredicate, has_readable_value, meets_predicate
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.includes import search_mode
from gateway.fhir.search_params import SearchParams
from gateway.paging.upstream_links import self_link_search
from gateway.search.split_plan import ELEMENT_HIDING_PARAMETERS

#: Matches of a page that are looked at; an upstream that ignores a criterion is wrong on most of them.
MAX_CHECKED_MATCHES = 100

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def stated_search(position: Position, sent_search: SearchParams, bundle: Bundle) -> SearchParams | None:
    """The search in the upstream's `self` link, where that link is one that shows searches."""
    shown = None if position.upstream_link else self_link_search(bundle)
    names = {each.name for each in shown.parameters} if shown else set()
    return shown if names <= {each.name for each in sent_search.parameters} else None


def lacks_values(
    sent_search: SearchParams, names: AbstractSet[str], self_search: SearchParams | None
) -> bool:
    """Whether the stated search lacks a value of one of these parameters."""
    kept = {(each.name, each.value) for each in self_search.parameters} if self_search else set()
    wanted = {(each.name, each.value) for each in sent_search.parameters if each.name in names}
    return self_search is not None and not wanted <= kept


def ignored_criteria(
    sent_search: SearchParams, names: AbstractSet[str], self_search: SearchParams | None
) -> frozenset[str]:
    """Names of parameters other than these that the stated search lacks."""
    if self_search is None:
        return frozenset()
    return frozenset(
        {each.name for each in sent_search.parameters}
        - names
        - {each.name for each in self_search.parameters}
    )


def has_ignored_warning(names: AbstractSet[str], bundle: Bundle) -> bool:
    """Whether a warning among the entries names one of these parameters."""
    words = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names).encode())
    outcomes = (entry for entry in bundle.entries if search_mode(entry) == "outcome")
    return any(words.search(bytes(entry.resource or b"")) for entry in outcomes)


def may_hide_elements(sent_search: SearchParams) -> bool:
    """Whether matches may come without the elements that a date criterion is about."""
    return any(each.name in ELEMENT_HIDING_PARAMETERS for each in sent_search.parameters)


def contradicts_criteria(request: FhirRequest, bundle: Bundle) -> bool:
    """Whether a match shows the element of a date criterion with a value that the criterion excludes."""
    predicates = [plan.predicate for plan in request.date_plans if plan.predicate is not None and plan.exact]
    found = (
        islice((entry for entry in bundle.entries if search_mode(entry) == "match"), MAX_CHECKED_MATCHES)
        if predicates
        else ()
    )
    return any(_contradicts_any(request, entry, predicates) for entry in found)


def _contradicts_any(request: FhirRequest, entry: Entry, predicates: list[DatePredicate]) -> bool:
    if entry.resource is None or request.site is None:
        return False
    resource, zone = _decode(entry.resource), request.site.zone
    return any(
        has_readable_value(each, resource) and not meets_predicate(each, resource, zone)
        for each in predicates
    )
