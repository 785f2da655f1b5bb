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
from gateway.fhir.raw_json import encoded, items, opened, quoted, string
from gateway.http.negotiation import FHIR_JSON
from gateway.repairs.repair import KnownIssue, Repair

ISSUE = KnownIssue(
    "capability-statement",
    "The CapabilityStatement is not valid R4 and lists only part of what works",
    "Halo Connect FHIR capabilities, published example: patchFormat, date, implementation.url, interaction",
)

#: What the gateway can pass on, of the codes that R4 knows.
_INTERACTIONS = frozenset(
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
_SYSTEM = frozenset({"transaction", "batch"})
_PATCH = frozenset({"application/json-patch+json"})
#: Known to work though no statement lists it (Halo Connect FHIR capabilities page).
_WORKS: Mapping[str, tuple[str, ...]] = {"Patient": ("read", "search-type", "create", "update")}
_REVERSE: Mapping[str, tuple[str, ...]] = {"Patient": ("Condition:patient",)}

_DATES = "Any R4 date, with or without offset, and every prefix; without an offset in the practice's zone."
_NOTES = (
    "Searches, pages and errors are those of halo-gateway. Times without an offset are those of {zone}."
    " Inactive and deleted records are never returned: a search for them is {inactive}, and 404 on a read"
    " means unknown or inactive. Known issues mended here: {repairs}."
)
_ANSWERED = {"refuse": "refused (400 not-supported)", "empty": "answered empty, with an outcome that says so"}


def repair(others: Sequence[Repair]) -> Repair:
    """The repair, which names the other ones that are active."""

    def ours(request: FhirRequest, entry: Entry) -> Entry:
        old = entry.resource if request.interaction.code == "capabilities" else None
        if old is None:
            return entry
        names = [each.issue.id for each in (*others, own) if each.active(request.site)]
        new = _statement(request, opened(old), names)
        return entry if bytes(new) == bytes(old) else entry.with_field("resource", new)

    own = Repair(ISSUE, entry=ours)
    return own


def _statement(request: FhirRequest, old: Mapping[str, Raw], names: Sequence[str]) -> Raw:
    """The gateway's statement; unchanged where it already is that."""
    if string(old.get("resourceType")) != "CapabilityStatement" or request.site is None:
        return encoded(old)
    new = {**_DEFAULTS, "date": quoted(f"{request.received:%Y-%m-%d}"), **old, **_fixed(request, old)}
    notes = _NOTES.format(
        zone=request.site.zone.key, inactive=_ANSWERED[request.site.inactive], repairs=", ".join(names)
    )
    new["rest"] = _all(_rest(opened(each), notes) for each in items(old.get("rest")))
    formats = [each for each in map(string, items(old.get("patchFormat"))) if each in _PATCH]
    new["patchFormat"] = _raw(formats)
    return _without_empty({name: new[name] for name in (*old, *new)})


_DEFAULTS = {
    "status": quoted("active"),
    "fhirVersion": quoted("4.0.1"),
}


def _fixed(request: FhirRequest, old: Mapping[str, Raw]) -> dict[str, Raw]:
    """The fields that are the gateway's own whatever the site says."""
    implementation = opened(old["implementation"]) if "implementation" in old else {}
    description = string(implementation.get("description")) or "Halo Connect FHIR API"
    suffix = (
        f" (engine {string(old.get('version')) or 'unknown'}), through halo-gateway {version('halo-gateway')}"
    )
    ours = {
        **implementation,
        "description": quoted(description.removesuffix(suffix) + suffix),
        "url": quoted(request.public_base),
    }
    return {
        "kind": quoted("instance"),
        "format": _raw([FHIR_JSON, "json"]),
        "implementation": encoded(ours),
    }


def _rest(old: Mapping[str, Raw], notes: str) -> Raw:
    said = string(old.get("documentation"))
    text = said if notes in said else f"{said}\n\n{notes}".strip()
    new = {**old, "documentation": quoted(text)}
    if "resource" in old:
        new["resource"] = _all(_resource(opened(each)) for each in items(old["resource"]))
    if "interaction" in old:
        new["interaction"] = _raw(_interactions(old["interaction"], (), _SYSTEM))
    return _without_empty(new)


def _resource(old: Mapping[str, Raw]) -> Raw:
    kind = string(old.get("type"))
    parameters = items(old.get("searchParam"))
    works = (*_WORKS.get(kind, ()), *(("search-type",) if parameters else ()))
    listed = [string(each) for each in items(old.get("searchRevInclude"))]
    new = {
        "versioning": quoted("no-version"),
        **old,
        "interaction": _raw(_interactions(old.get("interaction"), works, _INTERACTIONS)),
        "searchParam": _all(_parameter(opened(each)) for each in parameters),
        "searchRevInclude": _raw(list(dict.fromkeys((*listed, *_REVERSE.get(kind, ()))))),
    }
    return _without_empty({name: new[name] for name in (*old, *new)})


def _interactions(raw: Raw | None, works: Iterable[str], able: frozenset[str]) -> list[dict[str, Any]]:
    """What the site lists, reduced to what the gateway is able to do, and what is known to work besides."""
    listed = [msgspec.json.decode(each, type=dict[str, Any]) for each in items(raw)]
    kept = [each for each in listed if each.get("code") in able]
    known = {each["code"] for each in kept}
    return kept + [{"code": code} for code in dict.fromkeys(works) if code not in known]


def _parameter(old: Mapping[str, Raw]) -> Raw:
    described = string(old.get("type")) != "date" or "documentation" in old
    return encoded(old if described else {**old, "documentation": quoted(_DATES)})


def _without_empty(fields: Mapping[str, Raw]) -> Raw:
    return encoded({name: raw for name, raw in fields.items() if bytes(raw) != b"[]"})


def _all(values: Iterable[Raw]) -> Raw:
    return encoded(list(values))


def _raw(value: list[Any]) -> Raw:
    return Raw(msgspec.json.encode(value))
