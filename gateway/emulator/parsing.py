"""Parsing of written resources, as strict as Halo's FHIR server, which uses the Firely .NET SDK.

The first write loads the definitions, because loading takes some tenths of a second and most emulators of a
test run receive no write.
"""

from typing import Any

import msgspec

from gateway.emulator.search.refusal import bad_argument
from gateway.validation.finding import Finding
from gateway.validation.judge import validate_resource


def parse_resource(resource_type: str, body: bytes) -> dict[str, Any]:
    """Parse a resource of that type from a body. Raises Refusal (400) naming the first invalid element."""
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
    """Return Firely's text for an unknown element (from firely-net-sdk's issues), else the finding's own."""
    if not finding.name:
        return f"{finding.message} (at {finding.path})"
    location = f"{finding.path}.{finding.name}[0]"
    return f"Encountered unknown element '{finding.name}' at location '{location}' while parsing"
