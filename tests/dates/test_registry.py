"""Registry of date parameters, and resolution of parameter names."""

import json
import sys
from importlib.resources import files

import pytest
from recipes.date_parameters import composite_table, encode_table, other_codes, reference_table

from gateway.dates.registry import DatePath, date_parameter, declared_parameter, resolve_parameter

TABLE = json.loads(files("gateway.dates").joinpath("date_parameters.json").read_bytes())
ROWS = [(base, code) for base, codes in TABLE["dates"].items() for code in codes]


def test_table_has_all_date_parameters_of_r4() -> None:
    assert len(ROWS) == 140
    assert ("Resource", "_lastUpdated") in ROWS
    parameters = [parameter for row in ROWS if (parameter := date_parameter(*row))]
    kinds = [parameter.kind for parameter in parameters]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "dateTime": 79,
        "range": 46,
        "instant": 8,
        "date": 7,
    }
    assert sum(parameter.multi_valued for parameter in parameters) == 9


def test_choice_element_has_json_paths() -> None:
    parameter = date_parameter("Observation", "date")
    assert parameter is not None
    assert parameter.paths == (
        DatePath(("effectiveDateTime",), "dateTime"),
        DatePath(("effectivePeriod",), "Period"),
        DatePath(("effectiveTiming",), "Timing"),
        DatePath(("effectiveInstant",), "instant"),
    )


def test_last_updated_is_date_of_every_type() -> None:
    parameter = date_parameter("Slot", "_lastUpdated")
    assert parameter is not None
    assert (parameter.resource, parameter.paths) == ("Slot", (DatePath(("meta", "lastUpdated"), "instant"),))


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("Slot", "date"),
        ("Patient", "2024"),
        ("GraphDefinition", "start"),
        ("Nothing", "date"),
        ("Slot", "_since"),
    ],
)
def test_other_parameter_is_none(resource: str, name: str) -> None:
    assert date_parameter(resource, name) is None
    assert resolve_parameter(resource, name) is None


@pytest.mark.parametrize(
    ("resource", "name", "ends", "via", "multi_valued"),
    [
        ("Patient", "birthdate:missing", ["Patient.birthdate"], "direct", False),
        ("Appointment", "patient.birthdate", ["Patient.birthdate"], "chain", True),
        ("Observation", "patient.birthdate", ["Patient.birthdate"], "chain", False),
        ("Observation", "subject:Patient.birthdate", ["Patient.birthdate"], "chain", False),
        ("Observation", "subject.birthdate", ["Patient.birthdate"], "chain", False),
        ("Observation", "encounter.date", ["Encounter.date", "EpisodeOfCare.date"], "chain", False),
        ("Observation", "encounter:Encounter.patient.birthdate", ["Patient.birthdate"], "chain", False),
        ("Patient", "_has:Observation:patient:date", ["Observation.date"], "has", True),
        ("Patient", "_has:Observation:patient:_has:Provenance:target:when", ["Provenance.when"], "has", True),
        (
            "Patient",
            "_has:Observation:patient:encounter.date",
            ["Encounter.date", "EpisodeOfCare.date"],
            "has",
            True,
        ),
        ("Encounter", "location-period", ["Encounter.location-period"], "direct", True),
    ],
)
def test_chain_ends_in_all_target_types(
    resource: str, name: str, ends: list[str], via: str, *, multi_valued: bool
) -> None:
    resolved = resolve_parameter(resource, name)
    assert resolved is not None
    assert [f"{parameter.resource}.{parameter.code}" for parameter in resolved.parameters] == ends
    assert (resolved.via, resolved.multi_valued) == (via, multi_valued)


def test_chain_to_dates_and_other_parameters_is_ambiguous() -> None:
    resolved = resolve_parameter("Observation", "focus.start")
    assert resolved is not None
    assert resolved.ambiguous
    assert [parameter.resource for parameter in resolved.parameters] == ["Slot"]
    typed = resolve_parameter("Observation", "focus:Slot.start")
    assert typed is not None
    assert not typed.ambiguous


@pytest.mark.parametrize(
    "name", ["patient.name", "nothing.birthdate", "subject:Device.birthdate", "_has:Observation:date"]
)
def test_chain_without_date_is_none(name: str) -> None:
    assert resolve_parameter("Observation", name) is None


def test_composite_has_index_of_date_part() -> None:
    resolved = resolve_parameter("Observation", "code-value-date")
    assert resolved is not None
    assert (resolved.composite, resolved.parameters[0].code) == ((1, 2), "value-date")


def test_declared_parameter_has_no_paths() -> None:
    extra = {("Patient", "seen"): declared_parameter("Patient", "seen")}
    resolved = resolve_parameter("Observation", "patient.seen", extra)
    assert resolved is not None
    assert (resolved.parameters[0].kind, resolved.parameters[0].paths) == ("range", ())
    assert resolve_parameter("Observation", "patient.seen") is None


def test_recipe_writes_a_line_per_type() -> None:
    class Registry:
        parameters = (
            {"type": "date", "code": "start", "url": "u", "base": ["Slot"], "expression": "Slot.start"},
            {"type": "token", "code": "start", "base": ["GraphDefinition"], "expression": ""},
            {
                "type": "reference",
                "code": "who",
                "base": ["Slot"],
                "expression": "Slot.who.where(resolve() is Patient)",
            },
            {
                "type": "composite",
                "code": "a-b",
                "base": ["Slot"],
                "component": [{"definition": "x"}, {"definition": "u"}],
            },
        )

        def rows(self, base: str, expression: str) -> list[tuple[str, list[str], bool]]:
            return [(expression, [base], False)]

    registry: object = Registry()
    assert other_codes(registry) == {"GraphDefinition": ["start"], "Slot": ["who", "a-b"]}  # type: ignore[arg-type]
    assert reference_table(registry) == {"Slot": {"who": ["Patient", 0]}}  # type: ignore[arg-type]
    assert composite_table(registry) == {"Slot": {"a-b": [1, "start", 2]}}  # type: ignore[arg-type]
    assert encode_table({"dates": {"Slot": {"start": ["start", "instant", 0]}}}) == (
        '{\n"dates":{\n"Slot":{"start":["start","instant",0]}\n}\n}\n'
    )
    assert sys.getsizeof(TABLE) > 0
