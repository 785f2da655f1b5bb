"""Stored procedures with large inputs become texts that declare them; all else stays as it was sent."""

import base64

from support.sql_commands import command_of, parameter, procedure_body

from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, rewrite_query

DOCUMENT = bytes(range(256)) * 40
CONTENT = parameter("@Content", "VarBinary", base64.b64encode(DOCUMENT).decode())
TITLE = parameter("@Title", "NVarChar", "It's urgent")
IDENTIFIER = {"name": "@id", "direction": "output", "type": "Int"}
RETURN_VALUE = {"name": "@returnValue", "direction": "returnValue", "type": "Int"}


def rewritten(body: bytes, scope: str = "large") -> Rewritten:
    result = rewrite_query(body, scope)  # type: ignore[arg-type]
    assert isinstance(result, Rewritten), result
    return result


def test_a_large_input_is_declared_and_the_rest_passed() -> None:
    result = rewritten(procedure_body(CONTENT, TITLE, IDENTIFIER, RETURN_VALUE))
    command = command_of(result.body)
    assert command["text"] == (
        f"DECLARE @Content varbinary(max);\nSET @Content = 0x{DOCUMENT.hex()};\n"
        "EXECUTE @returnValue = [dbo].[sp_X] @Content = @Content, @Title = @Title, @id = @id OUTPUT;"
    )
    assert command["type"] == "text"
    assert command["parameters"] == [TITLE, IDENTIFIER, {**RETURN_VALUE, "direction": "output"}]
    assert result.return_name == "@returnValue"


def test_small_inputs_need_nothing() -> None:
    assert rewrite_query(procedure_body(TITLE, IDENTIFIER), "large") == LeftAlone(Reason.NOT_NEEDED)
