"""Bodies of SQL queries, as integrators send them."""

import json
from typing import Any

#: Type -> the variable that stands for it; empty where it stays a parameter.
SQL_TYPES = {
    "BigInt": "", "Binary": "varbinary(max)", "Bit": "", "Char": "varchar(max)", "String": "nvarchar(max)",
    "Date": "", "DateTime": "", "DateTime2": "", "DateTimeOffset": "", "Decimal": "", "Float": "",
    "Image": "varbinary(max)", "Int": "", "Money": "", "NChar": "nvarchar(max)", "NText": "nvarchar(max)",
    "NVarChar": "nvarchar(max)", "Real": "", "SmallDateTime": "", "SmallInt": "", "SmallMoney": "",
    "Text": "varchar(max)", "Time": "", "TinyInt": "", "UniqueIdentifier": "", "VarBinary": "varbinary(max)",
    "VarChar": "varchar(max)", "Xml": "xml",
}  # fmt: skip
UNSUPPORTED_SQL_TYPES = ["Structured", "Timestamp", "Udt", "Variant"]


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
