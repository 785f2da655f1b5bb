"""Bundle links lose `_include` and `_revinclude`, so the next page comes without the included resources."""

from urllib.parse import urlsplit

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Link
from gateway.fhir.search_params import Parameter, parse_search
from gateway.repairs.repair import KnownIssue, Links, Repair

_INCLUDES = frozenset({"_include", "_revinclude"})


def restore_includes(request: FhirRequest, links: Links) -> Links:
    """The links of a searchset with the include parameters asked for; those kept are not doubled."""
    wanted = [each for each in request.client_search.as_get().parameters if each.code in _INCLUDES]
    if not (wanted and request.interaction.is_search):
        return links
    new = tuple(link.with_url(_url_with_includes(link, wanted)) for link in links)
    return links if new == links else new


def _url_with_includes(link: Link, includes: list[Parameter]) -> str:
    parts = urlsplit(link.url)
    kept = {(each.name, each.value) for each in parse_search(parts.query).parameters}
    missing = [each.raw for each in includes if (each.name, each.value) not in kept]
    if not missing:
        return link.url
    return parts._replace(query="&".join(filter(None, [parts.query, *missing]))).geturl()


REPAIR = Repair(
    KnownIssue(
        "link-include-params",
        "Bundle links lose _include and _revinclude",
        "Halo Connect troubleshooting, FHIR known issues (newer page): fixed in an upcoming release",
    ),
    links=restore_includes,
)
