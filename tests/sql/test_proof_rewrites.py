"""Texts of the gateway's own writer, judged by sqlglot: what a practice would execute for a query."""

import base64
import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sql.batches import NAMES, TEXTS
from sql.injection_corpus import PARAMETER_NAMES, PROCEDURES, VALUES
from sql.third_readers import Reading, sqlfluff_statements, sqlglot_reading

from gateway.sql.names import is_name, parse_parameter_name, parse_procedure, quote_name
from gateway.sql.rewrite import LeftAlone, rewrite_query


def query(name: str, parameters: list[dict[str, Any]], **other: Any) -> bytes:
    command = {"text": name, "type": "storedProcedure", "executionMode": "nonQuery", "parameters": parameters}
    return json.dumps({"command": command, **other}).encode()


def parameter(name: str, sql_type: str, value: str | None, direction: str = "input") -> dict[str, Any]:
    return {"name": name, "type": sql_type, "value": value, "direction": direction}


def read(body: bytes) -> tuple[dict[str, Any], Reading] | None:
    """The command that goes up instead, and what sqlglot reads in it; None if the body is left alone."""
    result = rewrite_query(body, "all")
    if isinstance(result, LeftAlone):
        return None
    command = json.loads(result.body)["command"]
    assert command["type"] == "text"
    return command, sqlglot_reading(command["text"].encode())


def units(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.binary(max_size=30), st.lists(NAMES.filter(is_name), min_size=1, max_size=4))
def test_values_and_names_of_a_rewrite(text: str, data: bytes, parts: list[str]) -> None:
    result = read(
        query(
            ".".join(map(quote_name, parts)),
            [
                parameter("Content", "VarBinary", base64.b64encode(data).decode()),
                parameter("@Note", "NVarChar", text),
                parameter("@Day", "DateTime", "2026-01-01"),
                parameter("@id", "Int", None, "output"),
                parameter("@code", "Int", None, "returnValue"),
            ],
        )
    )
    assert result is not None
    command, reading = result
    assert reading.procedure == tuple(parts)
    assert {(name, value) for name, _, value in reading.variables} == {
        ("@Content", data),
        ("@Note", units(text)),
    }
    assert {each[0] for each in reading.arguments} == {"@Content", "@Note", "@Day", "@id"}
    assert all(name == variable for name, variable, _ in reading.arguments)
    assert [name for name, _, is_output in reading.arguments if is_output] == ["@id"]
    assert reading.return_variable == "@code"
    assert {each["name"].lstrip("@") for each in command["parameters"]} == {"Day", "id", "code"}


@pytest.mark.parametrize("name", PROCEDURES, ids=range(len(PROCEDURES)))
def test_hostile_procedure_is_executed_alone_or_left_alone(name: str) -> None:
    result = read(query(name, [parameter("@Note", "NVarChar", "it's")]))
    parts = parse_procedure(name)
    assert (result is None) is (parts is None)
    if result is not None:
        variables = (("@Note", "nvarchar(max)", units("it's")),)
        assert result[1] == Reading(variables, parts or (), (("@Note", "@Note", False),), "")


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_hostile_value_stays_a_value(value: str) -> None:
    result = read(query("dbo.sp_X", [parameter("@Note", "NVarChar", value), parameter("@b", "Int", value)]))
    assert result is not None
    assert [content for _, _, content in result[1].variables] == [units(value)]
    assert result[1].procedure == ("dbo", "sp_X")


def test_hostile_parameter_name_is_left_alone() -> None:
    for name, direction in product(PARAMETER_NAMES, ("input", "output", "returnValue")):
        other = parameter(name, "Int", "1", direction)
        result = read(query("dbo.sp_X", [parameter("@Note", "NVarChar", "a"), other]))
        if parse_parameter_name(name) is None and direction != "returnValue":
            assert result is None, name
        if result is not None:
            assert result[1].procedure == ("dbo", "sp_X")
            assert len(result[1].variables) == 1


def test_sqlfluff_reads_a_rewrite() -> None:
    result = read(query("dbo.sp_X", [parameter("@Note", "NVarChar", "it's --\n")]))
    assert result is not None
    assert sqlfluff_statements(result[0]["text"].encode()) == [
        "declare_segment",
        "set_local_variable_segment",
        "execute_script_statement",
    ]
