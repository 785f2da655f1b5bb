"""What the upstream did not use of a search: by its `self` link, its warnings, or its own matches."""

import re
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

import msgspec

from gateway.dates.matcher import DatePredicate, matches, shows
from gateway.exchange import FhirRequest, Position
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.includes import mode
from gateway.fhir.search_params import Search
from gateway.paging.upstream_links import shown_search
from gateway.search.split_plan import HIDING

#: Matches of a page that are looked at; an upstream that ignores a criterion is wrong on most of them.
SAMPLE = 100

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def stated(position: Position, sent: Search, bundle: Bundle) -> Search | None:
    """The search in the upstream's `self` link, where that link is one that shows searches."""
    shown = None if position.rest else shown_search(bundle)
    names = {each.name for each in shown.parameters} if shown else set()
    return shown if names <= {each.name for each in sent.parameters} else None


def lacks(sent: Search, names: AbstractSet[str], shown: Search | None) -> bool:
    """Whether the stated search lacks a value of one of these parameters."""
    kept = {(each.name, each.value) for each in shown.parameters} if shown else set()
    wanted = {(each.name, each.value) for each in sent.parameters if each.name in names}
    return shown is not None and not wanted <= kept


def ignored(sent: Search, names: AbstractSet[str], shown: Search | None) -> frozenset[str]:
    """Names of parameters other than these that the stated search lacks."""
    if shown is None:
        return frozenset()
    return frozenset(
        {each.name for each in sent.parameters} - names - {each.name for each in shown.parameters}
    )


def warned(names: AbstractSet[str], bundle: Bundle) -> bool:
    """Whether a warning among the entries names one of these parameters."""
    words = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names).encode())
    outcomes = (entry for entry in bundle.entries if mode(entry) == "outcome")
    return any(words.search(bytes(entry.resource or b"")) for entry in outcomes)


def hides(sent: Search) -> bool:
    """Whether matches may come without the elements that a date criterion is about."""
    return any(each.name in HIDING for each in sent.parameters)


def disproved(request: FhirRequest, bundle: Bundle) -> bool:
    """Whether a match shows the element of a date criterion with a value that the criterion excludes."""
    predicates = [plan.predicate for plan in request.dates if plan.predicate is not None and plan.exact]
    found = (
        islice((entry for entry in bundle.entries if mode(entry) == "match"), SAMPLE) if predicates else ()
    )
    return any(_excluded(request, entry, predicates) for entry in found)


def _excluded(request: FhirRequest, entry: Entry, predicates: list[DatePredicate]) -> bool:
    if entry.resource is None or request.site is None:
        return False
    resource, zone = _decode(entry.resource), request.site.zone
    return any(shows(each, resource) and not matches(each, resource, zone) for each in predicates)
