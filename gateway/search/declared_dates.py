"""Date parameters that a site's CapabilityStatement has over and above R4's registry."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.dates.registry import DateParameter, date_parameter, declared, registered
from gateway.dates.support import Key
from gateway.exchange import FhirRequest


def unregistered(request: FhirRequest) -> bool:
    """Whether a search names a parameter that R4 does not have on its type."""
    kind = request.interaction.type
    codes = (each.code for each in request.search.parameters if "." not in each.name)
    return any(not code.startswith("_") and not registered(kind, code) for code in codes)


def declared_dates(statement: bytes) -> Mapping[Key, DateParameter]:
    """The parameters of type date in a CapabilityStatement that R4 lacks; none of what cannot be read."""
    try:
        body = msgspec.json.decode(statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {key: declared(*key) for key in _dates(body) if date_parameter(*key) is None}


def _dates(body: Any) -> Iterator[Key]:
    for rest in _objects(body, "rest"):
        for resource in _objects(rest, "resource"):
            for each in _objects(resource, "searchParam"):
                if each.get("type") == "date":
                    yield str(resource.get("type")), str(each.get("name"))


def _objects(body: Any, name: str) -> Iterator[dict[str, Any]]:
    found = body.get(name) if isinstance(body, dict) else None
    yield from (each for each in (found if isinstance(found, list) else []) if isinstance(each, dict))
