"""Conditions of an error rule."""

from typing import Any

import pytest

from gateway.upstreams.error_rule import ErrorRule, UpstreamError
from gateway.upstreams.failures import SERVER_ERROR

_ERROR = UpstreamError("details", 400, error_type="mssql", error_code="207", message="Invalid Column name")


def test_all_conditions_must_hold() -> None:
    conditions: dict[str, Any] = {
        "status": {400},
        "types": {"mssql"},
        "codes": {"207"},
        "shapes": {"details"},
    }
    assert ErrorRule("r", SERVER_ERROR, message_pattern="invalid column", **conditions).matches(_ERROR)
    for name in conditions:
        assert not ErrorRule("r", SERVER_ERROR, **{**conditions, name: {"other"}}).matches(_ERROR)
    assert not ErrorRule("r", SERVER_ERROR, message_pattern="invalid row", **conditions).matches(_ERROR)


def test_rule_without_conditions_matches_every_error() -> None:
    assert ErrorRule("r", SERVER_ERROR).matches(_ERROR)


@pytest.mark.parametrize(
    ("conditions", "value", "matches"),
    [
        ({}, "E7", True),
        ({}, None, False),
        ({"body_values": {"E7", "E8"}}, "E7", True),
        ({"body_values": {"E7"}}, "e7", False),
        ({"body_values": {"E7"}}, None, False),
        ({"status": {404}}, "E7", False),
    ],
)
def test_value_at_a_path_is_a_condition(
    conditions: dict[str, Any], value: str | None, *, matches: bool
) -> None:
    error = UpstreamError("unknown", 200, values=(("error.code", value),) if value else ())
    assert ErrorRule("r", SERVER_ERROR, body_path="error.code", **conditions).matches(error) is matches
