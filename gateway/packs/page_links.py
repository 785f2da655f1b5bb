"""Links of the upstream to pages, which need not state the search, and answers with parts of resources."""

from collections.abc import Collection

from gateway.dates.registry import is_registered
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import RESULT_ONLY_PARAMETERS, RESULT_PARAMETERS
from gateway.packs.conditions import stated_parameters

_HIDING = frozenset({"_elements", "_summary"})
_OF_R4 = RESULT_PARAMETERS.union(
    RESULT_ONLY_PARAMETERS, {"_content", "_filter", "_id", "_profile", "_query", "_security", "_tag", "_text"}
)
#: Parameter of pages that servers have beside R4's.
_PAGE_NAMES = frozenset({"_page"})


def may_omit_elements(request: FhirRequest) -> bool:
    """Whether the client asked for a part of each resource, or for a page of a search that may have."""
    names = {each.code for each in stated_parameters(request)}
    if not names.isdisjoint(_HIDING):
        return True
    if request.plan.position.upstream_link:  # the client's own search is there, too
        return False
    return is_page_link(request) and names <= RESULT_ONLY_PARAMETERS | _foreign_names(request)


def is_page_link(request: FhirRequest, own_names: Collection[str] = ()) -> bool:
    """Whether a search is a link of the upstream to a page: it has a parameter that R4 does not define.

    `own_names`: parameters of the upstream's that are criteria.
    """
    if request.plan.position.upstream_link:
        return True
    names = {each.code for each in request.upstream_search.parameters}
    return not names.isdisjoint((_foreign_names(request) | _PAGE_NAMES).difference(own_names))


def _foreign_names(request: FhirRequest) -> frozenset[str]:
    """Names of parameters that R4 does not define for the searched type."""
    type_ = request.interaction.type
    codes = {each.code for each in request.upstream_search.parameters}
    return frozenset(name for name in codes - _OF_R4 if not is_registered(type_, name.partition(".")[0]))
