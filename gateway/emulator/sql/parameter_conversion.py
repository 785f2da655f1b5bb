"""Conversion of parameter values in Halo Link: encoding of binary values, and the known issue of large ones.

The known issue `sql-parameter-conversion` is on Halo's troubleshooting page: a stored procedure with a
VarBinary over 8,000 bytes or an NVarChar over 4,000 characters is refused before anything is executed.
"""

from base64 import b64decode, b64encode
from typing import Any, Final

from gateway.emulator.settings import SqlBinaryValues
from gateway.emulator.sql.commands import inputs_of, malformed, type_of

CONVERSION_ERROR: Final = (
    "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast from 'System.String' to "
    "'System.Byte[]'. Please correct your request and try again."
)
_BINARY_TYPES: Final = frozenset({"varbinary", "binary", "image", "timestamp"})
_MAX_BYTES: Final = 8_000
_MAX_CHARACTERS: Final = 4_000


def has_inconvertible_value(command: dict[str, Any], encoding: SqlBinaryValues) -> bool:
    """Whether the known issue refuses a command. Raises Refusal for a malformed binary value."""
    return command.get("type") == "storedProcedure" and any(
        _is_too_large(type_of(parameter), parameter.get("value") or "", encoding)
        for parameter in inputs_of(command)
    )


def with_base64_values(command: dict[str, Any], encoding: SqlBinaryValues) -> dict[str, Any]:
    """Return the command with its binary input values in base64. Raises Refusal for a malformed one."""
    changed = {
        id(parameter): {**parameter, "value": b64encode(decode_binary(value, encoding)).decode()}
        for parameter in inputs_of(command)
        if type_of(parameter) in _BINARY_TYPES and (value := parameter.get("value")) is not None
    }
    parameters = command.get("parameters") or []
    return {**command, "parameters": [changed.get(id(parameter), parameter) for parameter in parameters]}


def decode_binary(value: str, encoding: SqlBinaryValues) -> bytes:
    """Decode a value: `0x…` in hex, or base64. Raises Refusal (400) for what the site does not read."""
    is_hex = value[:2].lower() == "0x"
    if encoding != "both" and is_hex != (encoding == "hex"):
        raise malformed("A binary value is not in the expected encoding.")
    try:
        return bytes.fromhex(value[2:]) if is_hex else b64decode(value, validate=True)
    except ValueError:
        raise malformed("A binary value is not in the expected encoding.") from None


def _is_too_large(kind: str, value: str, encoding: SqlBinaryValues) -> bool:
    if kind == "varbinary":
        return bool(value) and len(decode_binary(value, encoding)) > _MAX_BYTES
    return kind == "nvarchar" and len(value.encode("utf-16-le", "surrogatepass")) // 2 > _MAX_CHARACTERS
