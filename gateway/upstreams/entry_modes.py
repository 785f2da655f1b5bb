"""Mode of the entries of a searchset whose `search.mode` the upstream left out (it is optional in R4)."""

import re

from msgspec import Raw

from gateway.dates.registry import reference_targets
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.raw_json import UnreadableError, encode, object_fields, string_json, string_value
from gateway.fhir.search_params import SearchParams

_RESOURCE_TYPE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_INCLUDE_CODES = frozenset({"_include", "_revinclude"})
_OUTCOME = "OperationOutcome"


def resource_type(resource: Raw | bytes | None) -> str:
    """Type of a resource, usually without decoding it; empty without a resource."""
    head = bytes(memoryview(resource)[:120]) if resource is not None else b""
    match = _RESOURCE_TYPE.match(head)
    if match or resource is None:
        return match[1].decode() if match else ""
    try:
        return string_value(object_fields(resource).get("resourceType"))
    except UnreadableError:
        return ""


def mode_by_type(searched_type: str, type_: str) -> str:
    """Mode of an entry without `search.mode`: only a resource of the searched type can be a match."""
    if type_ == _OUTCOME != searched_type:
        return "outcome"
    return "match" if type_ in {searched_type, ""} else "include"


def may_include_type(search: SearchParams, type_: str) -> bool:
    """Whether the includes of a search can give resources of this type."""
    return any(
        _may_give_type(parameter.code, parameter.value, type_)
        for parameter in search.parameters
        if parameter.code in _INCLUDE_CODES
    )


def _may_give_type(code: str, value: str, type_: str) -> bool:
    source, _, reference = value.partition(":")
    if source == "*" or not reference:
        return True
    if code == "_revinclude":
        return source == type_
    name, _, target = reference.partition(":")
    if target or name == "*":
        return target in {"", type_}
    targets, _ = reference_targets(source, name)
    return not targets or type_ in targets


def with_stated_modes(request: FhirRequest, bundle: Bundle) -> Bundle:
    """Return a searchset whose includes and outcomes say that they are; itself if they do already.

    An entry of the searched type stays as it is: without a mode, it counts as a match.
    """
    if not request.interaction.is_search or all(bundle.stated_modes):
        return bundle
    entries = tuple(_with_mode(request.interaction.type, entry) for entry in bundle.entries)
    is_same = all(new is old for new, old in zip(entries, bundle.entries, strict=True))
    return bundle if is_same else bundle.replace(entries=entries)


def _with_mode(searched_type: str, entry: Entry) -> Entry:
    if entry.resource is None or entry.stated_mode:
        return entry
    mode = mode_by_type(searched_type, resource_type(entry.resource))
    if mode == "match":
        return entry
    fields = object_fields(entry.fields.get("search", Raw(b"{}")))
    return entry.with_field("search", encode({**fields, "mode": string_json(mode)}))
