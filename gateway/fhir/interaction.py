"""FHIR interaction of a method and a path below a FHIR base (R4 http.html)."""

import re
from typing import Any, Literal

import msgspec

from gateway.fhir.resource_types import RESOURCE_TYPES

InteractionCode = Literal[
    "capabilities",
    "create",
    "delete",
    "history",
    "operation",
    "patch",
    "read",
    "search-type",
    "transaction",
    "update",
    "vread",
    "sql",
    "other",
]


class Interaction(msgspec.Struct, frozen=True):
    """A FHIR interaction: code, resource type, id and operation name; empty strings if absent.

    `sql` is a request to SQL Passthrough, whose action is `operation`. `asks_practice`: it needs the
    practice, not only Halo Cloud; if `is_queued`, only after Halo Cloud has answered. `only_reads`: it
    provably changes nothing, whatever its method.
    """

    code: InteractionCode
    type: str = ""
    id: str = ""
    operation: str = ""
    asks_practice: bool = True
    is_queued: bool = False
    only_reads: bool = False

    @property
    def name(self) -> str:
        """Its name in the ledger and the log: the code, or `sql-` and the action of SQL Passthrough."""
        return f"sql-{self.operation}" if self.code == "sql" else self.code

    @property
    def is_search(self) -> bool:
        """Whether its parameters are search criteria."""
        return self.code == "search-type"

    @property
    def is_pageable(self) -> bool:
        """Whether its response is a page of entries that the gateway can filter and merge."""
        return self.code in {"search-type", "history"}

    @property
    def is_binary_read(self) -> bool:
        """Whether its response may be content in the media type of a Binary (R4 binary.html#rest)."""
        return self.type == "Binary" and self.code in {"read", "vread"}

    @property
    def is_write(self) -> bool:
        """Whether it changes data. The gateway never retries and never caches it."""
        return self.code in {"create", "update", "patch", "delete", "transaction"}


#: Halo's endpoints that are not FHIR. The gateway does not read their bodies.
NOT_FHIR = Interaction("other")

_TYPE = r"(?P<type>[A-Z][A-Za-z]{1,63})"
_ID = r"(?P<id>[A-Za-z0-9\-.]{1,64})"
_OPERATION = r"\$(?P<operation>[a-z][A-Za-z0-9\-]{0,63})"
SAFE_METHODS = frozenset({"GET", "HEAD"})
_SAFE_AND_POST = SAFE_METHODS | {"POST"}
_POST = frozenset({"POST"})
_PUT = frozenset({"PUT"})
_PATCH = frozenset({"PATCH"})
_DELETE = frozenset({"DELETE"})

_Codes = tuple[tuple[frozenset[str], InteractionCode], ...]

#: (path below the base, methods and code); the first matching path decides.
_TABLE: tuple[tuple[str, _Codes], ...] = (
    (r"", ((_POST, "transaction"),)),
    (r"metadata", ((SAFE_METHODS, "capabilities"),)),
    (_OPERATION, ((_SAFE_AND_POST, "operation"),)),
    (rf"{_TYPE}/_search", ((_POST, "search-type"),)),
    (rf"{_TYPE}/_history", ((SAFE_METHODS, "history"),)),
    (
        _TYPE,
        (
            (SAFE_METHODS, "search-type"),
            (_POST, "create"),
            (_PUT, "update"),
            (_PATCH, "patch"),
        ),
    ),
    (rf"{_TYPE}/{_OPERATION}", ((_SAFE_AND_POST, "operation"),)),
    (rf"{_TYPE}/{_ID}", ((SAFE_METHODS, "read"), (_PUT, "update"), (_PATCH, "patch"), (_DELETE, "delete"))),
    (rf"{_TYPE}/{_ID}/_history", ((SAFE_METHODS, "history"),)),
    (rf"{_TYPE}/{_ID}/_history/(?P<version>[A-Za-z0-9\-.]{{1,64}})", ((SAFE_METHODS, "vread"),)),
    (rf"{_TYPE}/{_ID}/{_OPERATION}", ((_SAFE_AND_POST, "operation"),)),
)


def _codes_by_method(codes: _Codes) -> dict[str, InteractionCode]:
    return {method: code for methods, code in codes for method in methods}


_Routes = tuple[tuple[re.Pattern[str], dict[str, InteractionCode]], ...]


def _routes_by_depth() -> dict[int, _Routes]:
    """Routes by the number of slashes in their paths, so that a lookup tries few patterns."""
    compiled = [(path.count("/"), re.compile(path), _codes_by_method(codes)) for path, codes in _TABLE]
    return {depth: tuple(route[1:] for route in compiled if route[0] == depth) for depth, *_ in compiled}


_ROUTES = _routes_by_depth()


def _has_known_type(match: re.Match[str], types: frozenset[str]) -> bool:
    return match.groupdict().get("type", "Patient") in types


def allowed_methods(path: str, types: frozenset[str] = RESOURCE_TYPES) -> tuple[str, ...]:
    """Methods that FHIR defines for a path below the base; empty for an unknown path or type."""
    matches = ((pattern.fullmatch(path), codes) for pattern, codes in _ROUTES.get(path.count("/"), ()))
    return next(
        (tuple(sorted(codes)) for match, codes in matches if match and _has_known_type(match, types)), ()
    )


def interaction_for(method: str, path: str, types: frozenset[str] = RESOURCE_TYPES) -> Interaction | None:
    """Interaction of a method and a path without leading slash, or None; `types`: those of the upstream."""
    for pattern, codes in _ROUTES.get(path.count("/"), ()):
        match = pattern.fullmatch(path) if method in codes else None
        if match and _has_known_type(match, types):
            parts: dict[str, Any] = match.groupdict()
            parts.pop("version", None)
            return Interaction(codes[method], **parts)
    return None
