"""Links of a searchset with the client's own criteria: the next page is judged by them, too."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from gateway.fhir.bundle import Link
from gateway.fhir.search_params import Parameter, encode_parameter, parse_search
from gateway.http.urls import split_url
from gateway.repairs.repair import Links

#: Relations of links that state the search or a page of it.
RELATIONS = frozenset({"self", "first", "prev", "previous", "next", "last"})


#: Prefix of the parameters of a page link by which only the gateway judges that page.
_PAGE_PREFIX = "_judged:"


def page_name(name: str) -> str:
    """Name of a criterion in page links, which is not sent: a token may permit no other parameter."""
    return _PAGE_PREFIX + name


def from_page_parameter(parameter: Parameter, name: str) -> Parameter:
    """Return a page link's criterion on a parameter as the client wrote it; itself if it is none."""
    return encode_parameter(name, parameter.value) if parameter.name == page_name(name) else parameter


def with_criteria(links: Links, criteria: Sequence[Parameter]) -> Links:
    """Return the links with each of these parameters in the search that was done."""
    return _change_queries(links, lambda query: _with_missing(query, criteria), {"self"})


def with_judged_criteria(links: Links, criteria: Sequence[Parameter], *, is_page: bool) -> Links:
    """Return the links with the criteria by which the gateway judges each page, also of an opaque token.

    The link of the search that was done has them as the client wrote them; `is_page`: in a page link.
    """
    marks = [encode_parameter(page_name(each.name), each.value) for each in criteria]
    shown = with_criteria(links, marks if is_page else criteria)
    return _change_queries(shown, lambda query: _with_missing(query, marks), RELATIONS - {"self"})


def with_names(links: Links, names: Iterable[tuple[str, Parameter]]) -> Links:
    """Return the links with parameters under the client's names, by the upstream's names."""
    by_name = {(sent, parameter.value): parameter for sent, parameter in names}

    def restore(query: str) -> str:
        parameters = parse_search(query).parameters
        if all((each.name, each.value) not in by_name for each in parameters):
            return query
        restored = (by_name.get((each.name, each.value), each) for each in parameters)
        return "&".join(each.raw for each in restored)

    return _change_queries(links, restore)


def _with_missing(query: str, criteria: Sequence[Parameter]) -> str:
    present = {(each.name, each.value) for each in parse_search(query).parameters}
    missing = [each.raw for each in criteria if (each.name, each.value) not in present]
    return "&".join(filter(None, [query, *missing])) if missing else query


def _change_queries(
    links: Links, change: Callable[[str], str], relations: AbstractSet[str] = RELATIONS
) -> Links:
    new = tuple(_with_query(link, change) if link.relation in relations else link for link in links)
    return links if all(one is other for one, other in zip(new, links, strict=True)) else new


def _with_query(link: Link, change: Callable[[str], str]) -> Link:
    parts = split_url(link.url)
    query = change(parts.query)
    return link if query == parts.query else link.with_url(parts._replace(query=query).geturl())
