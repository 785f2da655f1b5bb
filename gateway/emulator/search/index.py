"""Values of search parameters, extracted by FHIRPath when first asked for and kept until the row changes."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import fhirpathpy
from fhirpathpy.models import models

from gateway.emulator.data.records import Record
from gateway.emulator.search.dates import column_value, hidden_fraction
from gateway.emulator.search.parameters import INSTANT_PARAMETERS, Parameter
from gateway.emulator.search.values import local_reference, tokens_in

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
def compile_extractor(expression: str) -> Callable[[dict[str, Any]], list[Any]]:
    """A FHIRPath expression compiled once, with R4's choice types."""
    compiled = fhirpathpy.compile(expression, model=models["r4"])
    return lambda resource: compiled(resource, None)


class ParameterIndex:
    """What each row of one practice holds under each search parameter."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], dict[str, tuple[Record, list[Any]]]] = {}

    def values(self, parameter: Parameter, records: Iterable[Record], zone: ZoneInfo) -> dict[str, list[Any]]:
        """By id, the values the given rows hold under one parameter (dates on the clock of `zone`)."""
        kept = self._entries.setdefault((parameter.base, parameter.code, zone.key), {})
        found = {}
        for record in records:
            identity = record.resource["id"]
            if identity not in kept or kept[identity][0] is not record:
                kept[identity] = record, _extract_values(parameter, record.resource, zone)
            found[identity] = kept[identity][1]
        return found


def _extract_values(parameter: Parameter, resource: dict[str, Any], zone: ZoneInfo) -> list[Any]:
    found = compile_extractor(parameter.expression)(resource)
    if parameter.type == "date":
        return _date_columns(parameter, resource["id"], found, zone)
    if parameter.type == "token":
        return [token for value in found for token in tokens_in(value)]
    if parameter.type == "reference":
        local = [local_reference(value) for value in found]
        return [text for text in local if text.partition("/")[0] in parameter.targets]
    return [str(value) for value in found]


def _date_columns(parameter: Parameter, resource_id: str, elements: list[Any], zone: ZoneInfo) -> list[Any]:
    key = (parameter.base, parameter.code)
    instant = parameter.code == "_lastUpdated" or key in INSTANT_PARAMETERS
    hides = parameter.code in HIDDEN_FRACTIONS or key in HIDDEN_FRACTIONS
    hidden = hidden_fraction(parameter.base, resource_id) if hides else timedelta(0)
    columns = (column_value(value, zone, extra_fraction=hidden, is_instant=instant) for value in elements)
    return [column for column in columns if column]
