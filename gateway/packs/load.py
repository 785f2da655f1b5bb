"""Quirk packs, by name or path."""

from typing import NamedTuple

from gateway.repairs.repair import KnownIssue, Repair
from gateway.upstreams.error_rule import ErrorRule


class PackError(ValueError):
    """A pack that cannot be used, one line per problem."""


class Pack(NamedTuple):
    """Known issues of an upstream that a file describes, with ids `pack:issue`."""

    name: str
    issues: tuple[KnownIssue, ...] = ()
    repairs: tuple[Repair, ...] = ()
    rules: tuple[ErrorRule, ...] = ()


def load_pack(name_or_path: str) -> Pack:
    """Return a pack. Raises PackError."""
    raise PackError(f"{name_or_path}: no such pack")
