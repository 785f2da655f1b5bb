"""Procedures of the configuration."""

import pytest
from pydantic import ValidationError

from gateway.emulator.settings import EmulatorSettings, apply_merge_patch
from gateway.emulator.sql.procedures import DEFAULT_PROCEDURES, Procedure, ProcedureParameter, Procedures


def test_default_procedures_are_those_of_the_emulator() -> None:
    assert EmulatorSettings().procedures == DEFAULT_PROCEDURES
    assert {
        procedure.name: [f"{each.name} {each.type}{' OUTPUT' * each.output}" for each in procedure.parameters]
        for procedure in DEFAULT_PROCEDURES
    } == {
        "dbo.FileDocument": [
            "@PatientId int",
            "@Title nvarchar(200)",
            "@Content varbinary(max)",
            "@DocumentId int OUTPUT",
        ],
        "dbo.AddNote": ["@PatientId int", "@Note nvarchar(max)", "@NoteId int OUTPUT"],
    }


def test_procedures_are_declared_in_the_settings() -> None:
    change = {
        "procedures": [{"name": "bps.Store", "parameters": [{"name": "@a", "type": "int"}], "returns": 2}]
    }
    settings = apply_merge_patch(EmulatorSettings(), change)
    assert settings.procedures[0].returns == 2
    assert settings.procedures[0].parameters[0].data_type.name == "int"


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("Nothing", False),
        ("bps.Store", True),
        ("BPS.STORE", True),
        ("db.bps.Store", True),
        ("s.db.bps.Store", True),
        ("db..Nothing", False),
        ("Other", True),
        ("dbo.other", True),
        ("db..other", True),
    ],
)
def test_procedure_is_found_by_schema_and_name(name: str, is_found: bool) -> None:
    procedures = Procedures([Procedure(name="bps.Store"), Procedure(name="Other")])
    assert (procedures.find(tuple(name.split("."))) is not None) is is_found


@pytest.mark.parametrize("name", ["", "a.b.c", "p;1", "select", "p q", "@p"])
def test_wrong_name_of_a_procedure_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no name of a procedure"):
        Procedure(name=name)


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "a", "type": "int"},
        {"name": "@a", "type": "foo"},
        {"name": "@a", "type": "nvarchar(5000)"},
        {"name": "@", "type": "int"},
    ],
)
def test_wrong_parameter_is_refused(parameter: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ProcedureParameter.model_validate(parameter)
