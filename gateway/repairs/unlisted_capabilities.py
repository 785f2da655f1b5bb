"""What an engine can do although no CapabilityStatement lists it, by the version in which Halo released it.

Creating a Patient is not in the table: only a test build had it (Sparked test day, June 2025), and no release
note names it. An operator who knows more sets `sites.<guid>.unlisted_capabilities`.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,9}", re.ASCII)
_INCLUDE_PREFIX = "_revinclude="
Version = tuple[int, ...]
_ANY_VERSION: Version = ()


class UnlistedCapability(NamedTuple):
    """Capability as `Type.code`, the first engine version that has it, and the source."""

    name: str
    since: Version
    source: str


CAPABILITIES = (
    UnlistedCapability("Patient.read", _ANY_VERSION, "Halo Connect FHIR API overview"),
    UnlistedCapability("Patient.search-type", _ANY_VERSION, "integrator OpenAPI 26.619, POST _search"),
    UnlistedCapability("Patient.update", (26, 430), "Halo Connect release 26.0430: FHIR Patient update"),
    UnlistedCapability(
        "Patient._revinclude=Condition:patient",
        (25, 624),
        "Sparked test day, June 2025: works, unlisted",
    ),
)


class Unlisted(NamedTuple):
    """Interactions and reverse includes of one type that a statement should list."""

    interactions: tuple[str, ...] = ()
    reverse_includes: tuple[str, ...] = ()


def unlisted_capabilities(type_: str, engine_version: str, configured: Collection[str] = ()) -> Unlisted:
    """Return what an engine of this version can do with a type; `configured` as in the site's setting."""
    codes = dict.fromkeys(_codes(type_, _parse_version(engine_version), configured))
    return Unlisted(
        tuple(code for code in codes if not code.startswith(_INCLUDE_PREFIX)),
        tuple(code.removeprefix(_INCLUDE_PREFIX) for code in codes if code.startswith(_INCLUDE_PREFIX)),
    )


def _codes(type_: str, version: Version, configured: Collection[str]) -> Iterator[str]:
    names = [capability.name for capability in CAPABILITIES if version >= capability.since]
    for name in (*names, *sorted(configured)):
        kind, _, code = name.partition(".")
        if kind == type_:
            yield code


def _parse_version(text: str) -> Version:
    """Return the numbers of a version like 26.0619.10213; empty if it is unknown."""
    return tuple(map(int, text.split("."))) if _VERSION.fullmatch(text) else ()
