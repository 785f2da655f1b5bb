"""Criteria that the upstream ignored, as its `self` link or its warnings say."""

import re
from collections.abc import Set as AbstractSet

from gateway.exchange import Position
from gateway.fhir.bundle import Bundle
from gateway.fhir.includes import search_mode
from gateway.fhir.search_params import SearchParams
from gateway.paging.upstream_links import self_link_search
from gateway.search.split_plan import ELEMENT_HIDING_PARAMETERS


def stated_search(position: Position, sent_search: SearchParams, bundle: Bundle) -> SearchParams | None:
    """Search in the upstream's `self` link; None on a later page, or if the link shows other parameters."""
    self_search = None if position.upstream_link else self_link_search(bundle)
    stated_names = {parameter.name for parameter in self_search.parameters} if self_search else set()
    return self_search if stated_names <= {parameter.name for parameter in sent_search.parameters} else None


def lacks_values(
    sent_search: SearchParams, names: AbstractSet[str], self_search: SearchParams | None
) -> bool:
    """Whether the stated search lacks a value of one of these parameters."""
    if self_search is None:
        return False
    stated = {(parameter.name, parameter.value) for parameter in self_search.parameters}
    return any(
        parameter.name in names and (parameter.name, parameter.value) not in stated
        for parameter in sent_search.parameters
    )


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
    """Whether matches may lack the elements that a date criterion tests."""
    return any(parameter.name in ELEMENT_HIDING_PARAMETERS for parameter in sent_search.parameters)
