"""Repair of Bundle links without `_include` and `_revinclude`, whose pages lack the included resources."""

from collections.abc import Iterator

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Link
from gateway.fhir.search_params import Parameter, SearchParams, parse_search
from gateway.http.urls import split_url
from gateway.paging.upstream_links import shows_criteria
from gateway.repairs.repair import KnownIssue, Links, Repair
from gateway.repairs.witness import UpstreamAnswer
from gateway.sites.issue_states import Verdict

_INCLUDES = frozenset({"_include", "_revinclude"})


def restore_includes(request: FhirRequest, links: Links) -> Links:
    """Return the links of a searchset with the client's include parameters, without duplicates.

    An opaque link gets them only if `self`, which shows the other criteria, lost them: it is another server's
    token, to which nothing can be added, unless the upstream has this issue.
    """
    search = request.client_search.as_get()
    includes = [parameter for parameter in search.parameters if parameter.code in _INCLUDES]
    if not (includes and request.interaction.is_search):
        return links
    has_issue = any(link.relation == "self" and _lost_includes(link, search, includes) for link in links)
    new = tuple(
        link.with_url(_url_with_includes(link, includes))
        if has_issue or _shows_search(link, search)
        else link
        for link in links
    )
    return links if new == links else new


def _shows_search(link: Link, search: SearchParams) -> bool:
    """Whether a link shows criteria or an include of the search."""
    stated = parse_search(split_url(link.url).query)
    return shows_criteria(stated, search) or any(item.code in _INCLUDES for item in stated.parameters)


def _lost_includes(link: Link, search: SearchParams, includes: list[Parameter]) -> bool:
    """Whether a link shows the search, and none of its includes."""
    stated = parse_search(split_url(link.url).query)
    names = {parameter.name for parameter in stated.parameters}
    return shows_criteria(stated, search) and names.isdisjoint(include.name for include in includes)


def _url_with_includes(link: Link, includes: list[Parameter]) -> str:
    parts = split_url(link.url)
    present = {(parameter.name, parameter.value) for parameter in parse_search(parts.query).parameters}
    missing = [include.raw for include in includes if (include.name, include.value) not in present]
    if not missing:
        return link.url
    return parts._replace(query="&".join(filter(None, [parts.query, *missing]))).geturl()


def witness_includes(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield a verdict for each link that shows includes, or another parameter that was sent without them.

    A link that shows neither may carry the search in an opaque token.
    """
    sent = request.upstream_search.as_get().parameters
    includes = {(parameter.name, parameter.value) for parameter in sent if parameter.code in _INCLUDES}
    others = {parameter.name for parameter in sent if parameter.code not in _INCLUDES}
    if answer.bundle is None or not includes or not request.interaction.is_search:
        return
    for link in answer.bundle.links:
        shown = parse_search(split_url(link.url).query).parameters
        if includes <= {(parameter.name, parameter.value) for parameter in shown}:
            yield "", "right"
        elif not others.isdisjoint(parameter.name for parameter in shown):
            yield "", "broken"


REPAIR = Repair(
    KnownIssue(
        "link-include-params",
        "Bundle links lose _include and _revinclude",
        "Halo Connect troubleshooting, FHIR known issues (newer page)",
        "fixed in an upcoming release, which is not named",
    ),
    links=restore_includes,
    witness=witness_includes,
)
