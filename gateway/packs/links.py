"""Links of a searchset with the client's own criteria: the next page is judged by them, too."""

from collections.abc import Callable, Iterable, Sequence

from gateway.fhir.bundle import Link
from gateway.fhir.search_params import Parameter, parse_search
from gateway.http.urls import split_url
from gateway.repairs.repair import Links

#: Relations of links that state the search or a page of it.
RELATIONS = frozenset({"self", "first", "prev", "previous", "next", "last"})


def with_criteria(links: Links, criteria: Sequence[Parameter]) -> Links:
    """Return the links with each of these parameters, also those whose search is an opaque token."""
    return _change_queries(links, lambda query: _with_missing(query, criteria))


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


def _change_queries(links: Links, change: Callable[[str], str]) -> Links:
    new = tuple(_with_query(link, change) if link.relation in RELATIONS else link for link in links)
    return links if all(one is other for one, other in zip(new, links, strict=True)) else new


def _with_query(link: Link, change: Callable[[str], str]) -> Link:
    parts = split_url(link.url)
    query = change(parts.query)
    return link if query == parts.query else link.with_url(parts._replace(query=query).geturl())
