"""Values of search parameters, extracted by FHIRPath when first asked for and kept until the row changes."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import fhirpathpy
from fhirpathpy.models import models

from gateway.emulator.data.records import Record
from gateway.emulator.search.dates import hidden_fraction, stored
from gateway.emulator.search.parameters import INSTANTS, Parameter
from gateway.emulator.search.values import local_reference, tokens

HIDDEN_FRACTIONS: Final = {
    "_lastUpdated",
    ("AllergyIntolerance", "date"),
    ("Condition", "recorded-date"),
    ("DocumentReference", "date"),
    ("Encounter", "date"),
    ("Observation", "date"),
}
"""Columns that keep milliseconds the resource does not show; diary times are kept to the second."""


@cache
def extractor(expression: str) -> Callable[[dict[str, Any]], list[Any]]:
    """A FHIRPath expression compiled once, with R4's choice types."""
    compiled = fhirpathpy.compile(expression, model=models["r4"])
    return lambda resource: compiled(resource, None)


class Index:
    """What each row of one practice holds under each search parameter."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], dict[str, tuple[Record, list[Any]]]] = {}

    def values(self, parameter: Parameter, records: Iterable[Record], zone: ZoneInfo) -> dict[str, list[Any]]:
        """By id, the values the given rows hold under one parameter (dates on the clock of `zone`)."""
        kept = self._kept.setdefault((parameter.base, parameter.code, zone.key), {})
        found = {}
        for record in records:
            identity = record.resource["id"]
            if identity not in kept or kept[identity][0] is not record:
                kept[identity] = record, _values(parameter, record.resource, zone)
            found[identity] = kept[identity][1]
        return found


def _values(parameter: Parameter, resource: dict[str, Any], zone: ZoneInfo) -> list[Any]:
    found = extractor(parameter.expression)(resource)
    if parameter.type == "date":
        return _dates(parameter, resource["id"], found, zone)
    if parameter.type == "token":
        return [token for value in found for token in tokens(value)]
    if parameter.type == "reference":
        local = [local_reference(value) for value in found]
        return [text for text in local if text.partition("/")[0] in parameter.targets]
    return [str(value) for value in found]


def _dates(parameter: Parameter, identity: str, found: list[Any], zone: ZoneInfo) -> list[Any]:
    key = (parameter.base, parameter.code)
    instant = parameter.code == "_lastUpdated" or key in INSTANTS
    hides = parameter.code in HIDDEN_FRACTIONS or key in HIDDEN_FRACTIONS
    hidden = hidden_fraction(parameter.base, identity) if hides else timedelta(0)
    columns = (stored(value, zone, hidden=hidden, instant=instant) for value in found)
    return [column for column in columns if column]
