"""CapabilityStatement of a site, with or without the quirks of Halo's published example."""

from typing import Any, Final

from gateway.emulator.conditional_writes import promised_elements
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.parameters import RESOURCE_TYPES, parameters_of

_AU_PROFILES: Final = {
    "Patient": "http://hl7.org.au/fhir/StructureDefinition/au-patient",
    "Practitioner": "http://hl7.org.au/fhir/StructureDefinition/au-practitioner",
    "PractitionerRole": "http://hl7.org.au/fhir/StructureDefinition/au-practitionerrole",
    "Organization": "http://hl7.org.au/fhir/StructureDefinition/au-organization",
    "Location": "http://hl7.org.au/fhir/StructureDefinition/au-location",
}
WRITABLE_TYPES: Final = frozenset({"Appointment", "Patient"})
_OPERATIONS: Final = {"Patient": ("summary",), "Slot": ("find-free",), "Appointment": ("find-free",)}


def capability_statement(context: RequestContext) -> dict[str, Any]:
    """Build the `metadata` resource. Quirks: `patchFormat: [""]`, no `date`, home page URL, only `read`."""
    quirks = context.has_fault("capability-statement")
    version = context.site.engine_version
    return {
        "resourceType": "CapabilityStatement",
        "id": context.site.guid,
        "version": version,
        "name": "RestServer",
        "status": "active",
        **({} if quirks else {"date": "2026-06-19"}),
        "publisher": "Halo Connect Pty Ltd",
        "contact": [{"telecom": [{"system": "url", "value": "https://haloconnect.io"}]}],
        "copyright": "All Rights Reserved",
        "kind": "instance",
        "software": {"name": "BP/Halo FHIR Server", "version": f"{version.rpartition('.')[0]}+{'0' * 40}"},
        "implementation": {
            "description": "Halo FHIR Server",
            "url": "https://haloconnect.io" if quirks else context.client_base,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/json"],
        **({"patchFormat": [""]} if quirks else {}),
        "rest": [
            {
                "mode": "server",
                "resource": [_resource_capability(context, name, quirks=quirks) for name in RESOURCE_TYPES],
            }
        ],
    }


def _resource_capability(context: RequestContext, name: str, *, quirks: bool) -> dict[str, Any]:
    profile = {"supportedProfile": [_AU_PROFILES[name]]} if name in _AU_PROFILES else {}
    interactions = ("read",) if quirks else ("read", "search-type")
    operations = [
        {"name": operation, "definition": f"http://hl7.org/fhir/OperationDefinition/{name}-{operation}"}
        for operation in _OPERATIONS.get(name, ())
    ]
    return {
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        **profile,
        **(promised_elements(context) if name in WRITABLE_TYPES else {}),
        "interaction": [{"code": code} for code in interactions],
        "searchParam": [{"name": param.code, "type": param.type} for param in parameters_of(name)],
        **({"operation": operations} if operations else {}),
    }
