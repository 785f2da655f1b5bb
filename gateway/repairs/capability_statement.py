"""The site's CapabilityStatement is not valid R4, lists too little, and describes a server without a gateway.

What is given out is the gateway's own (R4 capabilitystatement.html): the site's statement mended, reduced to
what the gateway can do and raised by what it adds.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import array_items, encode, object_fields, string_json, string_value
from gateway.http.negotiation import FHIR_JSON
from gateway.repairs.repair import KnownIssue, Repair

ISSUE = KnownIssue(
    "capability-statement",
    "The CapabilityStatement is not valid R4 and lists only part of what works",
    "Halo Connect FHIR capabilities, published example: patchFormat, date, implementation.url, interaction",
)

#: What the gateway can pass on, of the codes that R4 knows.
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
_PATCH_FORMATS = frozenset({"application/json-patch+json"})
#: Known to work though no statement lists it (Halo Connect FHIR capabilities page).
_UNLISTED_INTERACTIONS: Mapping[str, tuple[str, ...]] = {
    "Patient": ("read", "search-type", "create", "update")
}
_UNLISTED_REVERSE_INCLUDES: Mapping[str, tuple[str, ...]] = {"Patient": ("Condition:patient",)}

_DATE_DOCUMENTATION = (
    "Any R4 date, with or without offset, and every prefix; without an offset in the practice's zone."
)
_NOTES = (
    "Searches, pages and errors are those of halo-gateway. Times without an offset are those of {zone}."
    " Inactive and deleted records are never returned: a search for them is {inactive}, and 404 on a read"
    " means unknown or inactive. Known issues mended here: {repairs}."
)
_INACTIVE_NOTES = {
    "refuse": "refused (400 not-supported)",
    "empty": "answered empty, with an outcome that says so",
}


def make_repair(other_repairs: Sequence[Repair]) -> Repair:
    """The repair, which names the other ones that are active."""

    def rewrite_entry(request: FhirRequest, entry: Entry) -> Entry:
        old = entry.resource if request.interaction.code == "capabilities" else None
        if old is None:
            return entry
        names = [each.issue.id for each in (*other_repairs, own) if each.is_active(request.site)]
        new = _gateway_statement(request, object_fields(old), names)
        return entry if bytes(new) == bytes(old) else entry.with_field("resource", new)

    own = Repair(ISSUE, entry=rewrite_entry)
    return own


def _gateway_statement(request: FhirRequest, old: Mapping[str, Raw], names: Sequence[str]) -> Raw:
    """The gateway's statement; unchanged where it already is that."""
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
        repairs=", ".join(names),
    )
    new["rest"] = _raw_array(
        _rest_component(object_fields(each), notes) for each in array_items(old.get("rest"))
    )
    formats = [
        each for each in map(string_value, array_items(old.get("patchFormat"))) if each in _PATCH_FORMATS
    ]
    new["patchFormat"] = _encode_raw(formats)
    return _without_empty({name: new[name] for name in (*old, *new)})


_DEFAULTS = {
    "status": string_json("active"),
    "fhirVersion": string_json("4.0.1"),
}


def _gateway_fields(request: FhirRequest, old: Mapping[str, Raw]) -> dict[str, Raw]:
    """The fields that are the gateway's own whatever the site says."""
    implementation = object_fields(old["implementation"]) if "implementation" in old else {}
    description = string_value(implementation.get("description")) or "Halo Connect FHIR API"
    engine = string_value(old.get("version")) or "unknown"
    suffix = f" (engine {engine}), through halo-gateway {version('halo-gateway')}"
    ours = {
        **implementation,
        "description": string_json(description.removesuffix(suffix) + suffix),
        "url": string_json(request.public_base),
    }
    return {
        "kind": string_json("instance"),
        "format": _encode_raw([FHIR_JSON, "json"]),
        "implementation": encode(ours),
    }


def _rest_component(old: Mapping[str, Raw], notes: str) -> Raw:
    said = string_value(old.get("documentation"))
    text = said if notes in said else f"{said}\n\n{notes}".strip()
    new = {**old, "documentation": string_json(text)}
    if "resource" in old:
        new["resource"] = _raw_array(
            _resource_component(object_fields(each)) for each in array_items(old["resource"])
        )
    if "interaction" in old:
        new["interaction"] = _encode_raw(
            _supported_interactions(old["interaction"], (), _SYSTEM_INTERACTIONS)
        )
    return _without_empty(new)


def _resource_component(old: Mapping[str, Raw]) -> Raw:
    kind = string_value(old.get("type"))
    parameters = array_items(old.get("searchParam"))
    works = (*_UNLISTED_INTERACTIONS.get(kind, ()), *(("search-type",) if parameters else ()))
    listed = [string_value(each) for each in array_items(old.get("searchRevInclude"))]
    new = {
        "versioning": string_json("no-version"),
        **old,
        "interaction": _encode_raw(
            _supported_interactions(old.get("interaction"), works, _RESOURCE_INTERACTIONS)
        ),
        "searchParam": _raw_array(_search_parameter(object_fields(each)) for each in parameters),
        "searchRevInclude": _encode_raw(
            list(dict.fromkeys((*listed, *_UNLISTED_REVERSE_INCLUDES.get(kind, ()))))
        ),
    }
    return _without_empty({name: new[name] for name in (*old, *new)})


def _supported_interactions(
    raw: Raw | None, extra_codes: Iterable[str], allowed_codes: frozenset[str]
) -> list[dict[str, Any]]:
    """What the site lists, reduced to what the gateway is able to do, and what is known to work besides."""
    listed = [msgspec.json.decode(each, type=dict[str, Any]) for each in array_items(raw)]
    kept = [each for each in listed if each.get("code") in allowed_codes]
    known = {each["code"] for each in kept}
    return kept + [{"code": code} for code in dict.fromkeys(extra_codes) if code not in known]


def _search_parameter(old: Mapping[str, Raw]) -> Raw:
    described = string_value(old.get("type")) != "date" or "documentation" in old
    return encode(old if described else {**old, "documentation": string_json(_DATE_DOCUMENTATION)})


def _without_empty(fields: Mapping[str, Raw]) -> Raw:
    return encode({name: raw for name, raw in fields.items() if bytes(raw) != b"[]"})


def _raw_array(values: Iterable[Raw]) -> Raw:
    return encode(list(values))


def _encode_raw(value: list[Any]) -> Raw:
    return Raw(msgspec.json.encode(value))
