"""Verbs of packs: what each may do, and the facets that it becomes."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gateway.packs import answer_verbs, judged_criteria, request_verbs
from gateway.packs.conditions import condition_of, of_searches
from gateway.packs.facets import Facets
from gateway.packs.file import (
    Drop,
    ErrorPath,
    Filter,
    LimitIds,
    MapCode,
    MapStatus,
    ReadInsteadOfSearch,
    Rename,
    Require,
    SetCode,
    SetHeader,
    SplitList,
    Table,
    When,
)
from gateway.packs.inner_searches import searches_by, with_inner_searches


class _VerbRules(NamedTuple):
    """Functions of a verb: the problems of its table, and the facets of a table without problems."""

    problems: Callable[[Any, When], Iterator[str]]
    facets: Callable[[Any, Callable[[Any], bool]], Facets]


_RULES: dict[type[Table], _VerbRules] = {
    Rename: _VerbRules(request_verbs.rename_problems, request_verbs.rename_facets),
    Drop: _VerbRules(judged_criteria.drop_problems, judged_criteria.drop_facets),
    Filter: _VerbRules(judged_criteria.filter_problems, judged_criteria.filter_facets),
    Require: _VerbRules(request_verbs.require_problems, request_verbs.require_facets),
    SplitList: _VerbRules(request_verbs.split_list_problems, request_verbs.split_list_facets),
    LimitIds: _VerbRules(request_verbs.limit_ids_problems, request_verbs.limit_ids_facets),
    ReadInsteadOfSearch: _VerbRules(request_verbs.read_problems, request_verbs.read_facets),
    SetCode: _VerbRules(answer_verbs.code_problems, answer_verbs.set_code_facets),
    MapCode: _VerbRules(answer_verbs.code_problems, answer_verbs.map_code_facets),
    SetHeader: _VerbRules(answer_verbs.header_problems, answer_verbs.header_facets),
    ErrorPath: _VerbRules(answer_verbs.error_path_problems, answer_verbs.error_path_facets),
}
#: Verbs of answers and requests of any interaction; all others are of searches.
_OF_ANY_INTERACTION = (SetCode, MapCode, SetHeader, ErrorPath)


def verb_problems(verb: Table, when: When) -> Iterator[str]:
    """Yield what a verb must not do in an issue, and what to write instead."""
    if isinstance(verb, MapStatus):
        yield from answer_verbs.status_problems(verb, when)
        return
    if when.status:
        yield "only map-status has a status in `when`"
    yield from _RULES[type(verb)].problems(verb, when)


def verb_facets(verb: Table, when: When, issue: str) -> Facets:
    """Return the facets of a verb without problems; `issue` is the id of its issue."""
    if isinstance(verb, MapStatus):
        return answer_verbs.status_facets(verb, when, issue)
    # A name of another version could be ignored, and find all; no other verb harms where the issue is mended.
    applies, facets = condition_of(when, needs_version=isinstance(verb, Rename)), _RULES[type(verb)].facets
    if isinstance(verb, _OF_ANY_INTERACTION):
        return facets(verb, applies)
    applies = of_searches(applies)
    of_search = (
        request_verbs.require_facets(verb, applies, when.parameter or ())
        if isinstance(verb, Require)
        else facets(verb, applies)
    )
    if of_search.request is None:
        return of_search
    name = _selected_name(verb)
    return of_search._replace(
        request=with_inner_searches(of_search.request, applies, name),
        judges=searches_by(applies, name) if of_search.keeps else None,
    )


def _selected_name(verb: Table) -> str:
    """Parameter that selects other matches at the upstream than the client means; empty if none does."""
    if isinstance(verb, Rename):
        return verb.rename
    if isinstance(verb, Drop):
        return verb.drop if verb.filter != "none" else ""
    return verb.filter if isinstance(verb, Filter) else ""
