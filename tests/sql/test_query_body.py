"""A stored procedure is read out of each of Halo's bodies, or the body is left alone."""

import json
from typing import Any

import pytest
from support.sql_commands import parameter, procedure_body

from gateway.sql.json_skeleton import Skeleton
from gateway.sql.query_body import MAX_PARAMETERS, StoredProcedure, parse_procedure_call
from gateway.sql.reasons import Reason, UnsuitableError

COMMAND = {"type": "storedProcedure", "text": "p", "parameters": [parameter("@x", "Int", "1", size=4)]}


def call_in(body: Any) -> StoredProcedure | None | Reason:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return parse_procedure_call(Skeleton(content))
    except UnsuitableError as problem:
        return problem.reason


@pytest.mark.parametrize(
    "body", [{"command": COMMAND}, {"name": "n", "registerCommand": {"command": COMMAND}}]
)
def test_a_procedure_is_found_in_both_kinds_of_bodies(body: dict[str, Any]) -> None:
    call = call_in(body)
    assert isinstance(call, StoredProcedure)
    assert call.text.text() == "p"
    (only,) = call.parameters
    assert (only.name, only.direction, only.type, only.size) == ("@x", "input", "Int", 4)
    start, end = only.span
    assert json.loads(json.dumps(body)[start:end]) == COMMAND["parameters"][0]


@pytest.mark.parametrize(
    "command_type", ["text", "StoredProcedure", "storedprocedure", "", None, 4, "x" * 5_000]
)
def test_any_other_type_of_command_is_no_procedure(command_type: object) -> None:
    assert call_in({"command": {**COMMAND, "type": command_type}}) is None


def test_an_absent_type_means_text() -> None:
    assert call_in({"command": {"text": "p"}}) is None


@pytest.mark.parametrize("parameters", [None, []])
def test_a_procedure_may_have_no_parameters(parameters: object) -> None:
    call = call_in({"command": {**COMMAND, "parameters": parameters}})
    assert isinstance(call, StoredProcedure)
    assert call.parameters == ()


@pytest.mark.parametrize(
    "body",
    [
        {}, {"command": None}, {"command": []}, {"registerCommand": {}}, {"registerCommand": COMMAND},
        {"command": COMMAND, "registerCommand": {"command": COMMAND}},
        {"command": {**COMMAND, "text": None}}, {"command": {**COMMAND, "parameters": {}}},
        {"command": {**COMMAND, "parameters": "x"}}, {"command": {**COMMAND, "parameters": [1]}},
        {"command": {**COMMAND, "parameters": [{"type": "Int"}]}},
        *(
            {"command": {**COMMAND, "parameters": [{"name": "@x", member: value}]}}
            for member, value in (
                ("direction", None), ("type", 5), ("type", None), ("size", "4"), ("size", 1.5), ("size", True),
                ("name", 5),
            )
        ),
    ],
)  # fmt: skip
def test_another_shape_is_left_alone(body: dict[str, Any]) -> None:
    assert call_in(body) is Reason.SHAPE


@pytest.mark.parametrize(
    "body",
    [
        b'{"command":{"type":"storedProcedure","type":"text","text":"p"}}',
        b'{"command":{"type":"storedProcedure","Type":"text","text":"p"}}',
        b'{"Command":{"type":"storedProcedure","text":"p"}}',
        b'{"command":{"type":"storedProcedure","text":"p","Parameters":[]}}',
        b'{"command":{"type":"storedProcedure","text":"p","parameters":[{"name":"@x","Value":"1"}]}}',
        b'{"command":{"type":"storedProcedure","text":"p","parameters":[{"name":"@x","n\\u0061me":"@y"}]}}',
    ],
)
def test_a_member_of_unclear_name_is_left_alone(body: bytes) -> None:
    assert call_in(body) is Reason.REPEATED_NAME


@pytest.mark.parametrize("direction", ["", "in", "input ", "Input,Output", "1"])
def test_an_unknown_direction_is_left_alone(direction: str) -> None:
    assert call_in(procedure_body(parameter("@x", "Int", direction=direction))) is Reason.DIRECTION


@pytest.mark.parametrize("direction", ["input", "OUTPUT", "inputoutput", "ReturnValue"])
def test_directions_are_read_in_any_capitals(direction: str) -> None:
    call = call_in(procedure_body(parameter("@x", "Int", direction=direction)))
    assert isinstance(call, StoredProcedure)
    assert call.parameters[0].direction.lower() == direction.lower()


def test_too_many_parameters_are_left_alone() -> None:
    one = {"name": "@x"}
    assert isinstance(call_in(procedure_body(*[one] * MAX_PARAMETERS)), StoredProcedure)
    assert call_in(procedure_body(*[one] * (MAX_PARAMETERS + 1))) is Reason.COMPLEX


def test_a_very_long_name_of_a_parameter_is_left_alone() -> None:
    assert call_in(procedure_body({"name": "@" + "x" * 3_000})) is Reason.COMPLEX
