"""Bodies of SQL queries, as integrators send them."""

import json
from typing import Any


def parameter(name: str, sql_type: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    """An input parameter, unless `direction` is among the further members."""
    return {"name": name, "direction": "input", "type": sql_type, "value": value, **more}


def procedure_body(*parameters: dict[str, Any], text: str = "dbo.sp_X", **more: Any) -> bytes:
    """Body of an immediate query that executes a stored procedure."""
    command = {"text": text, "executionMode": "nonQuery", "type": "storedProcedure", **more}
    return json.dumps({"command": {**command, "parameters": parameters}, "maxTimeInQueue": 5_000}).encode()


def command_of(body: bytes) -> dict[str, Any]:
    """Command of an immediate query's body."""
    command: dict[str, Any] = json.loads(body)["command"]
    return command
