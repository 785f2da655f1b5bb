"""Criteria that the upstream ignored, as its `self` link or its warnings say.

A `self` link says something only if it shows parameters that were sent: a link without parameters, or with a
token, proves nothing, and neither does another spelling, order or encoding of the same values.
"""

import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from urllib.parse import unquote

from gateway.fhir.bundle import Bundle
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, SearchParams
from gateway.paging.upstream_links import PLAIN_POSITIONS, self_link_search
from gateway.search.split_plan import ELEMENT_HIDING_PARAMETERS
from gateway.upstreams.patient_criteria import may_name_patient

#: Result parameters whose loss changes what a client sees; includes are lost by a known issue.
_NOTABLE_RESULT_PARAMETERS = frozenset({"_sort"})
_TYPE_MODIFIER = re.compile(r":[A-Z][A-Za-z]*")
_CODE_END = re.compile(r"[.:]")
_REFERENCE = re.compile(r"(?:.*/)?[A-Z][A-Za-z]+/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


def stated_search(sent_search: SearchParams, bundle: Bundle) -> SearchParams | None:
    """Search in the upstream's `self` link; None if the link says nothing about the criteria."""
    self_search = self_link_search(bundle) if sent_search.parameters else None
    if self_search is None:
        return None
    stated, sent = _codes(self_search), _codes(sent_search)
    shared = stated & sent
    is_readable = stated <= sent | RESULT_ONLY_PARAMETERS | PLAIN_POSITIONS
    return self_search if shared - RESULT_ONLY_PARAMETERS or (shared and is_readable) else None


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
    sent_search: SearchParams,
    names: AbstractSet[str],
    self_search: SearchParams | None,
    resource_type: str = "",
) -> frozenset[str]:
    """Names of the sent parameters, except `names`, that the stated search lacks, or a value of them."""
    if self_search is None:
        return frozenset()
    stated: dict[str, set[frozenset[str]]] = {}
    for name, values in self_search.values_by_name.items():
        stated.setdefault(_plain_name(name), set()).update(map(_one_spelling, values))
    return frozenset(
        name
        for name, values in sent_search.values_by_name.items()
        if name not in names
        and (_is_criterion(name) or name in _NOTABLE_RESULT_PARAMETERS)
        and _lacks(
            set(map(_one_spelling, values)) - {frozenset({""})},
            stated.get(_plain_name(name), set()),
            may_name_patient(resource_type, name),
        )
    )


def _lacks(sent: set[frozenset[str]], stated: set[frozenset[str]], names_patient: bool) -> bool:
    """Whether values were lost: fewer of them, a shorter list, or, of a patient, another id."""
    if len(stated) < len(sent):
        return True
    sent_values, stated_values = _all_values(sent), _all_values(stated)
    if sent_values <= stated_values:
        return False
    is_other = names_patient and all(map(_ID.fullmatch, sent_values | stated_values))
    return stated_values < sent_values or is_other


def _all_values(value_sets: Iterable[frozenset[str]]) -> set[str]:
    return set().union(*value_sets)


def _is_criterion(name: str) -> bool:
    return _CODE_END.split(name, maxsplit=1)[0] not in RESULT_ONLY_PARAMETERS


def _codes(search: SearchParams) -> set[str]:
    return {_CODE_END.split(parameter.name, maxsplit=1)[0] for parameter in search.parameters}


def _plain_name(name: str) -> str:
    """Name without resource types: `subject:Patient` is `subject`."""
    return _TYPE_MODIFIER.sub("", name)


def _one_spelling(value: str) -> frozenset[str]:
    """Values of a list in one spelling: `Patient/1` and `1` are the same."""
    return frozenset(_plain_value(part) for part in unquote(value).split(","))


def _plain_value(text: str) -> str:
    text = text.strip()
    reference = _REFERENCE.fullmatch(text)
    return (reference[1] if reference else text.lstrip("|")).casefold()


def has_ignored_warning(names: AbstractSet[str], bundle: Bundle) -> bool:
    """Whether a warning among the entries names one of these parameters."""
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names).encode())
    return any(pattern.search(bytes(entry.resource or b"")) for entry in bundle.outcome_entries)


def may_hide_elements(sent_search: SearchParams) -> bool:
    """Whether matches may lack the elements that a date criterion tests; a count should have no matches."""
    return not sent_search.is_count and any(
        parameter.name in ELEMENT_HIDING_PARAMETERS for parameter in sent_search.parameters
    )
