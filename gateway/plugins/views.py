"""Read-only views of what the facets of a plugin are given: a change in place raises TypeError."""

from types import MappingProxyType

from gateway.exchange import Headers
from gateway.fhir.bundle import Bundle, Entry, Link
from gateway.repairs.repair import Fields, Links
from gateway.repairs.witness import UpstreamAnswer


def fields_view(fields: Fields) -> Fields:
    """Return a view of a mapping."""
    return MappingProxyType(fields)


def entry_view(entry: Entry) -> Entry:
    """Return an entry with a view of its fields."""
    return Entry(fields_view(entry.fields))


def links_view(links: Links) -> Links:
    """Return links with views of their fields."""
    return tuple(Link(link.relation, link.url, fields_view(link.fields)) for link in links)


def answer_view(answer: UpstreamAnswer) -> UpstreamAnswer:
    """Return an answer with views of its Bundle and samples, and with a copy of its failure."""
    failure = answer.failure and answer.failure.with_headers()
    samples = tuple(map(entry_view, answer.samples))
    bundle = answer.bundle and _bundle_view(answer.bundle)
    return answer._replace(bundle=bundle, samples=samples, failure=failure)


def _bundle_view(bundle: Bundle) -> Bundle:
    entries = tuple(map(entry_view, bundle.entries))
    return Bundle(fields_view(bundle.fields), links_view(bundle.links), entries)


def fields_copy(fields: Fields) -> Fields:
    """Return the fields in a mapping of the gateway's own, which a plugin cannot change later."""
    return dict(fields)


def entry_copy(entry: Entry) -> Entry:
    """Return the entry with its fields in a mapping of the gateway's own."""
    return Entry(dict(entry.fields))


def links_copy(links: Links) -> Links:
    """Return the links with their fields in mappings of the gateway's own."""
    return tuple(Link(link.relation, link.url, dict(link.fields)) for link in links)


def lower_case_headers(headers: Headers) -> Headers:
    """Return header fields with names in lower case, by which the gateway finds them."""
    return tuple((name.lower(), value) for name, value in headers)
