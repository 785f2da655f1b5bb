from typing import Any

from gateway.upstreams.error_rule import Row, UpstreamError
from gateway.upstreams.failures import FAILED

_ERROR = UpstreamError("details", 400, error_type="mssql", error_code="207", message="Invalid Column name")


def test_all_conditions_must_hold() -> None:
    conditions: dict[str, Any] = {
        "status": {400},
        "types": {"mssql"},
        "codes": {"207"},
        "shapes": {"details"},
    }
    assert Row("r", FAILED, says="invalid column", **conditions).matches(_ERROR)
    for name in conditions:
        assert not Row("r", FAILED, **{**conditions, name: {"other"}}).matches(_ERROR)
    assert not Row("r", FAILED, says="invalid row", **conditions).matches(_ERROR)


def test_no_condition_matches_all() -> None:
    assert Row("r", FAILED).matches(_ERROR)
