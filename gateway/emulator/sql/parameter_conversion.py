"""The known issue `sql-parameter-conversion` (troubleshooting guide): large values of a stored procedure.

A VarBinary over 8,000 bytes or an NVarChar over 4,000 characters is refused before anything is executed.
"""

from typing import Any, Final

from gateway.emulator.settings import SqlBinaryValues
from gateway.emulator.sql.commands import inputs_of, type_of
from gateway.emulator.sql.errors import ParameterConversionError
from gateway.emulator.sql.parameters import BinaryEncoding, read_binary

CONVERSION_ERROR: Final = (
    "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast from 'System.String' to "
    "'System.Byte[]'. Please correct your request and try again."
)
#: The interpreter's names of the variant `sql_binary_values`.
ENCODINGS: Final[dict[SqlBinaryValues, BinaryEncoding]] = {"both": "either", "base64": "base64", "hex": "hex"}
_MAX_BYTES: Final = 8_000
_MAX_CHARACTERS: Final = 4_000


def has_large_value(command: dict[str, Any], encoding: BinaryEncoding) -> bool:
    """Whether the known issue refuses a command."""
    return command.get("type") == "storedProcedure" and any(
        _is_large(type_of(parameter), parameter.get("value") or "", encoding)
        for parameter in inputs_of(command)
    )


def _is_large(kind: str, value: str, encoding: BinaryEncoding) -> bool:
    if kind == "nvarchar":
        return len(value.encode("utf-16-le", "surrogatepass")) // 2 > _MAX_CHARACTERS
    return kind == "varbinary" and _byte_count(value, encoding) > _MAX_BYTES


def _byte_count(value: str, encoding: BinaryEncoding) -> int:
    try:
        return len(read_binary(value, encoding))
    except ParameterConversionError:
        return 0
