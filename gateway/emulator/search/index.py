"""Index of search parameter values, extracted by FHIRPath on first use and cached until the row changes."""

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

#: Columns with milliseconds that resources do not contain; Slot and Appointment times have whole seconds.
HIDDEN_FRACTIONS: Final = {
    "_lastUpdated",
    ("AllergyIntolerance", "date"),
    ("Condition", "recorded-date"),
    ("DocumentReference", "date"),
    ("Encounter", "date"),
    ("Observation", "date"),
}


@cache
def compile_extractor(expression: str) -> Callable[[dict[str, Any]], list[Any]]:
    """Compile a FHIRPath expression with R4's choice types; cached."""
    compiled = fhirpathpy.compile(expression, model=models["r4"])
    return lambda resource: compiled(resource, None)


class ParameterIndex:
    """Values of each search parameter in each row of one practice."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], dict[str, tuple[Record, list[Any]]]] = {}

    def values(self, parameter: Parameter, records: Iterable[Record], zone: ZoneInfo) -> dict[str, list[Any]]:
        """Return the values of a parameter in the given rows, by id (dates on the wall clock of `zone`)."""
        entries = self._entries.setdefault((parameter.base, parameter.code, zone.key), {})
        values = {}
        for record in records:
            identity = record.resource["id"]
            if identity not in entries or entries[identity][0] is not record:
                entries[identity] = record, _extract_values(parameter, record.resource, zone)
            values[identity] = entries[identity][1]
        return values


def _extract_values(parameter: Parameter, resource: dict[str, Any], zone: ZoneInfo) -> list[Any]:
    elements = compile_extractor(parameter.expression)(resource)
    if parameter.type == "date":
        return _date_columns(parameter, resource["id"], elements, zone)
    if parameter.type == "token":
        return [token for element in elements for token in tokens_in(element)]
    if parameter.type == "reference":
        references = [local_reference(element) for element in elements]
        return [reference for reference in references if reference.partition("/")[0] in parameter.targets]
    return [str(element) for element in elements]


def _date_columns(parameter: Parameter, resource_id: str, elements: list[Any], zone: ZoneInfo) -> list[Any]:
    key = (parameter.base, parameter.code)
    is_instant = parameter.code == "_lastUpdated" or key in INSTANT_PARAMETERS
    has_fraction = parameter.code in HIDDEN_FRACTIONS or key in HIDDEN_FRACTIONS
    extra = hidden_fraction(parameter.base, resource_id) if has_fraction else timedelta(0)
    columns = (column_value(value, zone, extra_fraction=extra, is_instant=is_instant) for value in elements)
    return [column for column in columns if column]
