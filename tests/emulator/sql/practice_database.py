"""The engine with a procedure that takes every type, as its tests use it."""

from typing import Any

from gateway.emulator.sql.engine import Execution, ExecutionLog, Procedures, SqlServerError, execute
from gateway.emulator.sql.procedures import DEFAULT_PROCEDURES, Procedure, ProcedureParameter

EVERYTHING = Procedure(
    name="dbo.TakeAll",
    parameters=(
        *(
            ProcedureParameter(name=f"@{name}", type=text, optional=True)
            for name, text in {
                "n": "nvarchar(max)",
                "v": "varchar(max)",
                "b": "varbinary(max)",
                "n10": "nvarchar(10)",
                "v10": "varchar(10)",
                "b10": "varbinary(10)",
                "i": "int",
                "bit": "bit",
                "d": "decimal(10,2)",
                "g": "uniqueidentifier",
                "t": "datetime2(3)",
                "x": "xml",
            }.items()
        ),
        ProcedureParameter(name="@out", type="int", output=True, optional=True),
        ProcedureParameter(name="@text", type="nvarchar(20)", output=True, optional=True),
    ),
    returns=7,
)


def parameter(name: str, sql_type: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    """Build Halo's Parameter, an input by default."""
    return {"name": name, "direction": "input", "type": sql_type, "value": value, **more}


class PracticeDatabase:
    """The default procedures and `dbo.TakeAll`, with a log of their runs."""

    def __init__(self) -> None:
        self.log = ExecutionLog()
        self._procedures = Procedures((*DEFAULT_PROCEDURES, EVERYTHING))

    def run(self, text: str, *parameters: dict[str, Any], kind: str = "text", **variants: Any) -> Execution:
        """Execute a command."""
        command = {"text": text, "type": kind, "parameters": list(parameters)}
        return execute(command, self._procedures, self.log, **variants)

    def call(self, name: str, *parameters: dict[str, Any], **variants: Any) -> Execution:
        """Execute a stored procedure."""
        return self.run(name, *parameters, kind="storedProcedure", **variants)

    def error(self, text: str, *parameters: dict[str, Any], kind: str = "text") -> tuple[int, str]:
        """Execute a command that fails; return the error's number and text."""
        try:
            self.run(text, *parameters, kind=kind)
        except SqlServerError as error:
            return error.number, error.message
        raise AssertionError(f"no error: {text[:80]}")

    def argument(self, name: str) -> Any:
        """Value of an argument in the last run."""
        return self.log.runs()[-1]["arguments"][name]["value"]
