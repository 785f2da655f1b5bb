"""Stand-in until the interpreter is merged: records a stored procedure's inputs, returns no rows."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any


class SqlServerError(Exception):
    """An error of SQL Server with its number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.message = message


@dataclass
class Execution:
    """Output parameters, rows and the number of rows changed."""

    parameters: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    rows_affected: int = -1


class ExecutionLog:
    """What procedures got, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=100)


def execute(command: dict[str, Any], _: Any, log: ExecutionLog) -> Execution:
    """Record the command. Raises SqlServerError."""
    if command.get("type") != "storedProcedure" and "EXEC" not in command["text"].upper():
        raise SqlServerError(102, "Incorrect syntax near 'x'.")
    arguments = {
        each["name"]: {"type": each.get("type"), "value": each.get("value")}
        for each in command.get("parameters") or []
    }
    log.entries.append({"procedure": command["text"], "arguments": arguments})
    return Execution(rows_affected=1)
