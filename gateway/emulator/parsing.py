"""Parsing of what clients write, as strict as Halo's FHIR server, which uses the Firely .NET SDK.

The definitions are loaded with the first write, not at start: most emulators of a test run are never written
to, and loading takes some tenths of a second.
"""

from typing import Any

import msgspec

from gateway.emulator.search.refusal import bad_argument
from gateway.validation.finding import Finding
from gateway.validation.judge import validate_resource


def parse_resource(resource_type: str, body: bytes) -> dict[str, Any]:
    """The resource in a body of that type. Raises Refusal (400) naming the first element that is wrong."""
    try:
        resource = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise bad_argument("Unable to parse the resource") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
        raise bad_argument(f"A resource of type {resource_type} is expected")
    for finding in validate_resource(body).errors:
        raise bad_argument(f"Type checking the data: {_firely_message(finding)}")
    return resource


def _firely_message(finding: Finding) -> str:
    """Firely's words for an unknown element (firely-net-sdk's issues show them); ours for all else."""
    if not finding.name:
        return f"{finding.message} (at {finding.path})"
    place = f"{finding.path}.{finding.name}[0]"
    return f"Encountered unknown element '{finding.name}' at location '{place}' while parsing"
