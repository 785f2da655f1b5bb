"""Conditions of an error rule."""

from typing import Any

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
