"""Method and path below a FHIR base -> the FHIR interaction (R4 http.html)."""

import re
from typing import Literal

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
    "other",
]


class Interaction(msgspec.Struct, frozen=True):
    """One FHIR interaction: its code, the resource type and id it names, the operation if it is one."""

    code: InteractionCode
    type: str = ""
    id: str = ""
    operation: str = ""

    @property
    def is_search(self) -> bool:
        """Whether its parameters are search criteria."""
        return self.code == "search-type"

    @property
    def is_pageable(self) -> bool:
        """Whether it answers with pages of entries that can be filtered and merged."""
        return self.code in {"search-type", "history"}

    @property
    def is_write(self) -> bool:
        """Whether it changes data, so that it is never repeated and never kept."""
        return self.code in {"create", "update", "patch", "delete", "transaction"}


#: Halo's endpoints that are not FHIR: their bodies are nobody's business here.
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

#: (path below the base, methods -> code); the first path that matches decides.
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
    """The routes by the number of slashes in their paths, so that few are tried."""
    compiled = [(path.count("/"), re.compile(path), _codes_by_method(codes)) for path, codes in _TABLE]
    return {depth: tuple(each[1:] for each in compiled if each[0] == depth) for depth, *_ in compiled}


_ROUTES = _routes_by_depth()


def _has_known_type(match: re.Match[str]) -> bool:
    return match.groupdict().get("type", "Patient") in RESOURCE_TYPES


def allowed_methods(path: str) -> tuple[str, ...]:
    """Methods that mean something at a path below the base; empty for a path FHIR does not know."""
    matches = ((pattern.fullmatch(path), codes) for pattern, codes in _ROUTES.get(path.count("/"), ()))
    return next((tuple(sorted(codes)) for found, codes in matches if found and _has_known_type(found)), ())


def interaction_for(method: str, path: str) -> Interaction | None:
    """The interaction that method and path (no leading slash) name, or None."""
    for pattern, codes in _ROUTES.get(path.count("/"), ()):
        found = pattern.fullmatch(path) if method in codes else None
        if found and _has_known_type(found):
            parts = found.groupdict()
            parts.pop("version", None)
            return Interaction(codes[method], **parts)
    return None
