"""The packaged table and what names of search parameters end in."""

import json
import sys
from importlib.resources import files

import pytest
from recipes.date_parameters import compact, composites, others, references

from gateway.dates.registry import DatePath, date_parameter, declared_parameter, resolve_parameter

TABLE = json.loads(files("gateway.dates").joinpath("date_parameters.json").read_bytes())
ROWS = [(base, code) for base, codes in TABLE["dates"].items() for code in codes]


def test_the_table_has_every_date_parameter_of_r4() -> None:
    assert len(ROWS) == 140
    assert ("Resource", "_lastUpdated") in ROWS
    kinds = [found.kind for found in (date_parameter(*row) for row in ROWS) if found]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "dateTime": 79,
        "range": 46,
        "instant": 8,
        "date": 7,
    }
    assert sum(found.multi_valued for found in (date_parameter(*row) for row in ROWS) if found) == 9


def test_a_choice_is_read_under_its_json_names() -> None:
    found = date_parameter("Observation", "date")
    assert found is not None
    assert found.paths == (
        DatePath(("effectiveDateTime",), "dateTime"),
        DatePath(("effectivePeriod",), "Period"),
        DatePath(("effectiveTiming",), "Timing"),
        DatePath(("effectiveInstant",), "instant"),
    )


def test_last_updated_is_a_date_on_every_type() -> None:
    found = date_parameter("Slot", "_lastUpdated")
    assert found is not None
    assert (found.resource, found.paths) == ("Slot", (DatePath(("meta", "lastUpdated"), "instant"),))


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
def test_what_the_registry_does_not_call_a_date_is_none(resource: str, name: str) -> None:
    assert date_parameter(resource, name) is None
    assert resolve_parameter(resource, name) is None


@pytest.mark.parametrize(
    ("resource", "name", "ends", "via", "multi"),
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
def test_a_chain_ends_in_every_type_it_may_point_to(
    resource: str, name: str, ends: list[str], via: str, *, multi: bool
) -> None:
    found = resolve_parameter(resource, name)
    assert found is not None
    assert [f"{each.resource}.{each.code}" for each in found.parameters] == ends
    assert (found.via, found.multi_valued) == (via, multi)


def test_a_chain_through_any_type_is_ambiguous_where_the_code_is_also_something_else() -> None:
    found = resolve_parameter("Observation", "focus.start")
    assert found is not None
    assert found.ambiguous
    assert [each.resource for each in found.parameters] == ["Slot"]
    typed = resolve_parameter("Observation", "focus:Slot.start")
    assert typed is not None
    assert not typed.ambiguous


@pytest.mark.parametrize(
    "name", ["patient.name", "nothing.birthdate", "subject:Device.birthdate", "_has:Observation:date"]
)
def test_a_chain_that_ends_in_no_date_is_none(name: str) -> None:
    assert resolve_parameter("Observation", name) is None


def test_a_composite_says_which_part_is_the_date() -> None:
    found = resolve_parameter("Observation", "code-value-date")
    assert found is not None
    assert (found.composite, found.parameters[0].code) == ((1, 2), "value-date")


def test_a_capability_statement_may_add_parameters_without_a_place() -> None:
    extra = {("Patient", "seen"): declared_parameter("Patient", "seen")}
    found = resolve_parameter("Observation", "patient.seen", extra)
    assert found is not None
    assert (found.parameters[0].kind, found.parameters[0].paths) == ("range", ())
    assert resolve_parameter("Observation", "patient.seen") is None


def test_the_recipe_writes_one_line_per_type() -> None:
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
    assert others(registry) == {"GraphDefinition": ["start"], "Slot": ["who", "a-b"]}  # type: ignore[arg-type]
    assert references(registry) == {"Slot": {"who": ["Patient", 0]}}  # type: ignore[arg-type]
    assert composites(registry) == {"Slot": {"a-b": [1, "start", 2]}}  # type: ignore[arg-type]
    assert compact({"dates": {"Slot": {"start": ["start", "instant", 0]}}}) == (
        '{\n"dates":{\n"Slot":{"start":["start","instant",0]}\n}\n}\n'
    )
    assert sys.getsizeof(TABLE) > 0
