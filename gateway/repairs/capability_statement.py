"""Repair of the CapabilityStatement, which is not valid R4, is incomplete and does not mention the gateway.

The client gets the gateway's own statement (R4 capabilitystatement.html): the site's statement, repaired,
without interactions that the gateway cannot pass on and with those that it adds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import array_items, encode, object_fields, string_json, string_value
from gateway.http.negotiation import FHIR_JSON
from gateway.repairs.repair import EntryChange, EntryFacet, KnownIssue, Repair, unchanged_entry
from gateway.repairs.unlisted_capabilities import Unlisted, unlisted_capabilities
from gateway.repairs.witness import UpstreamAnswer
from gateway.sites.issue_states import Verdict

ISSUE = KnownIssue(
    "capability-statement",
    "The CapabilityStatement is not valid R4 and lists only some of the supported interactions",
    "Halo Connect FHIR capabilities, published example: patchFormat, date, implementation.url, interaction",
)

#: Codes of R4's interactions that the gateway can pass on.
_RESOURCE_INTERACTIONS = frozenset(
    {
        "read",
        "vread",
        "update",
        "patch",
        "delete",
        "history-instance",
        "history-type",
        "create",
        "search-type",
    }
)
_SYSTEM_INTERACTIONS = frozenset({"transaction", "batch"})
#: The gateway sends the entries of a batch itself, whatever the site supports.
_OWN_INTERACTIONS = ("batch",)
_PATCH_FORMATS = frozenset({"application/json-patch+json"})

_DATE_DOCUMENTATION = "Any R4 date and every prefix; a time without offset is in the practice's time zone."
_NOTES = (
    "halo-gateway processes searches, pages and errors. Times without an offset are in {zone}."
    " The site is not known to return inactive and deleted records: until it has shown that it does, a search"
    " for them is {inactive}, and 404 on a read"
    " means unknown or inactive. Known issues repaired by halo-gateway: {repairs}."
)
_INACTIVE_NOTES = {
    "refuse": "rejected (400 not-supported)",
    "empty": "answered with an empty Bundle and a warning",
}


def make_repair(other_repairs: Sequence[Repair]) -> Repair:
    """Return the repair, which lists the other active repairs."""

    def statement_change(request: FhirRequest) -> EntryChange:
        is_statement = request.interaction.code == "capabilities"
        return partial(rewrite_entry, request) if is_statement else unchanged_entry

    def rewrite_entry(request: FhirRequest, entry: Entry) -> Entry:
        old = entry.resource
        if old is None:
            return entry
        repair_ids = [repair.issue.id for repair in (*other_repairs, own) if repair.is_active(request.site)]
        new = _gateway_statement(request, object_fields(old), repair_ids)
        return entry if bytes(new) == bytes(old) else entry.with_field("resource", new)

    own = Repair(ISSUE, entry=EntryFacet(statement_change), witness=witness_statement)
    return own


def witness_statement(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield whether a CapabilityStatement has what R4 requires, and its types with parameters the search."""
    resource = answer.samples[0].resource if answer.samples else None
    if resource is None or request.interaction.code != "capabilities":
        return
    fields = object_fields(resource)
    if string_value(fields.get("resourceType")) == "CapabilityStatement":
        formats = map(string_value, array_items(fields.get("patchFormat")))
        is_complete = fields.keys() >= _REQUIRED and all(formats)
        has_searches = all(map(_lists_search, _components(fields)))
        yield "", "right" if is_complete and has_searches else "broken"


#: Elements that R4 requires (capabilitystatement.html).
_REQUIRED = frozenset({"status", "date", "kind", "fhirVersion", "format"})


def _components(fields: Mapping[str, Raw]) -> Iterator[dict[str, Raw]]:
    for rest in array_items(fields.get("rest")):
        yield from map(object_fields, array_items(object_fields(rest).get("resource")))


def _lists_search(component: Mapping[str, Raw]) -> bool:
    """Whether a type with search parameters lists the search."""
    codes = [
        string_value(object_fields(item).get("code")) for item in array_items(component.get("interaction"))
    ]
    return not array_items(component.get("searchParam")) or "search-type" in codes


def _gateway_statement(request: FhirRequest, old: Mapping[str, Raw], repair_ids: Sequence[str]) -> Raw:
    """Return the gateway's statement; applied twice, it changes nothing more."""
    if string_value(old.get("resourceType")) != "CapabilityStatement" or request.site is None:
        return encode(old)
    new = {
        **_DEFAULTS,
        "date": string_json(f"{request.received_at:%Y-%m-%d}"),
        **old,
        **_gateway_fields(request, old),
    }
    notes = _NOTES.format(
        zone=request.site.zone.key,
        inactive=_INACTIVE_NOTES[request.site.inactive_records],
        repairs=", ".join(repair_ids),
    )
    version, configured = string_value(old.get("version")), request.site.unlisted_capabilities
    new["rest"] = _raw_array(
        _rest_component(
            object_fields(component), notes, lambda kind: unlisted_capabilities(kind, version, configured)
        )
        for component in array_items(old.get("rest"))
    )
    formats = [
        media_type
        for media_type in map(string_value, array_items(old.get("patchFormat")))
        if media_type in _PATCH_FORMATS
    ]
    new["patchFormat"] = _encode_raw(formats)
    return _without_empty({name: new[name] for name in (*old, *new)})


_DEFAULTS = {
    "status": string_json("active"),
    "fhirVersion": string_json("4.0.1"),
}


def _gateway_fields(request: FhirRequest, old: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return the fields that describe the gateway instead of the site."""
    implementation = object_fields(old["implementation"]) if "implementation" in old else {}
    description = string_value(implementation.get("description")) or "Halo Connect FHIR API"
    engine = string_value(old.get("version")) or "unknown"
    suffix = f" (engine {engine}), through halo-gateway {version('halo-gateway')}"
    new_implementation = {
        **implementation,
        "description": string_json(description.removesuffix(suffix) + suffix),
        "url": string_json(request.public_base),
    }
    return {
        "kind": string_json("instance"),
        "format": _encode_raw([FHIR_JSON, "json"]),
        "implementation": encode(new_implementation),
    }


def _rest_component(old: Mapping[str, Raw], notes: str, unlisted_of: Callable[[str], Unlisted]) -> Raw:
    documentation = string_value(old.get("documentation"))
    text = documentation if notes in documentation else f"{documentation}\n\n{notes}".strip()
    new = {**old, "documentation": string_json(text)}
    if "resource" in old:
        new["resource"] = _raw_array(
            _resource_component(object_fields(component), unlisted_of)
            for component in array_items(old["resource"])
        )
    new["interaction"] = _encode_raw(
        _supported_interactions(old.get("interaction"), _OWN_INTERACTIONS, _SYSTEM_INTERACTIONS)
    )
    return _without_empty(new)


def _resource_component(old: Mapping[str, Raw], unlisted_of: Callable[[str], Unlisted]) -> Raw:
    unlisted = unlisted_of(string_value(old.get("type")))
    parameters = array_items(old.get("searchParam"))
    interactions = (*unlisted.interactions, *(("search-type",) if parameters else ()))
    reverse_includes = [string_value(include) for include in array_items(old.get("searchRevInclude"))]
    new = {
        "versioning": string_json("no-version"),
        **old,
        "interaction": _encode_raw(
            _supported_interactions(old.get("interaction"), interactions, _RESOURCE_INTERACTIONS)
        ),
        "searchParam": _raw_array(_search_parameter(object_fields(parameter)) for parameter in parameters),
        "searchRevInclude": _encode_raw(list(dict.fromkeys((*reverse_includes, *unlisted.reverse_includes)))),
    }
    return _without_empty({name: new[name] for name in (*old, *new)})


def _supported_interactions(
    raw: Raw | None, extra_codes: Iterable[str], allowed_codes: frozenset[str]
) -> list[dict[str, Any]]:
    """Return the site's interactions with an allowed code, then those that the site does not list."""
    listed = [msgspec.json.decode(item, type=dict[str, Any]) for item in array_items(raw)]
    supported = [interaction for interaction in listed if interaction.get("code") in allowed_codes]
    codes = {interaction["code"] for interaction in supported}
    return supported + [{"code": code} for code in dict.fromkeys(extra_codes) if code not in codes]


def _search_parameter(old: Mapping[str, Raw]) -> Raw:
    is_documented = string_value(old.get("type")) != "date" or "documentation" in old
    return encode(old if is_documented else {**old, "documentation": string_json(_DATE_DOCUMENTATION)})


def _without_empty(fields: Mapping[str, Raw]) -> Raw:
    return encode({name: raw for name, raw in fields.items() if bytes(raw) != b"[]"})


def _raw_array(values: Iterable[Raw]) -> Raw:
    return encode(list(values))


def _encode_raw(value: list[Any]) -> Raw:
    return Raw(msgspec.json.encode(value))
