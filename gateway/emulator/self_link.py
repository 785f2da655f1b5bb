"""Parameters that a site shows in the `self` link of a search."""

from collections.abc import Sequence
from typing import Final

from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.search.query import Pair
from gateway.emulator.settings import SelfForm

_DAY_LENGTH: Final = len("2026-04-05")


def self_pairs(form: SelfForm, resource_type: str, pairs: Sequence[Pair]) -> list[Pair]:
    """Return the parameters that `self` shows of the applied ones.

    `partial`: the first. `respelled`: in reverse order, with full times and absolute references.
    """
    if form == "respelled":
        return [(name, _respell(resource_type, name, value)) for name, value in reversed(pairs)]
    return {"bare": [], "absent": [], "partial": list(pairs[:1])}.get(form, list(pairs))


def _respell(resource_type: str, name: str, value: str) -> str:
    parameter = PARAMETERS.get((resource_type, name))
    if parameter and parameter.type == "date":
        return ",".join(map(_respell_date, value.split(",")))
    if parameter and parameter.type == "reference" and "/" in value and ":" not in value:
        return ",".join(f"https://api.haloconnect.io/fhir/R4/{reference}" for reference in value.split(","))
    return value


def _respell_date(value: str) -> str:
    prefix, date = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    if len(date) == _DAY_LENGTH:
        return f"{prefix}{date}T00:00:00"
    return f"{prefix}{date}.0000000" if date.count(":") > 1 and "." not in date else f"{prefix}{date}"
