"""Repairs and error rules of an upstream that come from plugins and packs."""

from typing import NamedTuple

from gateway.repairs.repair import Repair
from gateway.upstreams.error_rule import ErrorRule


class Extensions(NamedTuple):
    """Repairs in the order in which they are applied, and error rules that precede those of the dialect.

    `version` changes with the content of the packs; that of plugins is part of the settings.
    """

    repairs: tuple[Repair, ...] = ()
    rules: tuple[ErrorRule, ...] = ()
    version: str = ""


NO_EXTENSIONS = Extensions()
