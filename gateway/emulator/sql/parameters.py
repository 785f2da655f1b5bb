"""Parameters of a command (Halo's `Parameter`), converted from strings as SqlClient converts them."""

import base64
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from gateway.emulator.sql.conversions import convert
from gateway.emulator.sql.data_types import MAX, UNBOUNDED, DataType, length_limit, variable_type
from gateway.emulator.sql.errors import ParameterConversionError, SqlServerError
from gateway.emulator.sql.execution_log import wire_value
from gateway.emulator.sql.utf16 import split_surrogates
from gateway.emulator.sql.values import Value, fit, lose_characters

#: How the string of a binary value is read: Halo does not document it.
BinaryEncoding = Literal["either", "base64", "hex"]

_HEX: Final = re.compile(r"0[xX]((?:[0-9A-Fa-f]{2})*+)")
_INTEGER: Final = re.compile(r"\s*([+-]?[0-9]{1,20})\s*")
_DECIMAL: Final = re.compile(r"([+-]?)((?:[0-9][0-9,]{0,60})?(?:\.[0-9]{0,60})?)")
_DECIMAL_DIGITS: Final = 29
_NOT_BYTES: Final = "Invalid cast from 'System.String' to 'System.Byte[]'."
_NOT_BOOLEAN: Final = "String was not recognized as a valid Boolean."
_NOT_DATE: Final = "String was not recognized as a valid DateTime."
_NOT_GUID: Final = "Guid should contain 32 digits with 4 dashes."


class SqlType(NamedTuple):
    """A SqlDbType: its type of T-SQL, and the type of .NET that its string is converted to."""

    name: str
    dotnet: str


SQL_TYPES: Final = {
    "BigInt": SqlType("bigint", "Int64"),
    "Binary": SqlType("varbinary", "Byte[]"),
    "Bit": SqlType("bit", "Boolean"),
    "Char": SqlType("char", "String"),
    "String": SqlType("nvarchar", "String"),
    "Date": SqlType("date", "DateTime"),
    "DateTime": SqlType("datetime", "DateTime"),
    "DateTime2": SqlType("datetime2", "DateTime"),
    "DateTimeOffset": SqlType("datetimeoffset", "DateTimeOffset"),
    "Decimal": SqlType("decimal", "Decimal"),
    "Float": SqlType("float", "Double"),
    "Image": SqlType("image", "Byte[]"),
    "Int": SqlType("int", "Int32"),
    "Money": SqlType("money", "Decimal"),
    "NChar": SqlType("nchar", "String"),
    "NText": SqlType("ntext", "String"),
    "NVarChar": SqlType("nvarchar", "String"),
    "Real": SqlType("real", "Single"),
    "SmallDateTime": SqlType("smalldatetime", "DateTime"),
    "SmallInt": SqlType("smallint", "Int16"),
    "SmallMoney": SqlType("smallmoney", "Decimal"),
    "Text": SqlType("text", "String"),
    "Time": SqlType("time", "TimeSpan"),
    "Timestamp": SqlType("varbinary", "Byte[]"),
    "TinyInt": SqlType("tinyint", "Byte"),
    "UniqueIdentifier": SqlType("uniqueidentifier", "Guid"),
    "VarBinary": SqlType("varbinary", "Byte[]"),
    "VarChar": SqlType("varchar", "String"),
    "Xml": SqlType("xml", "String"),
}
#: Types of the OpenAPI document that the emulator does not pass on.
NOT_PASSED: Final = frozenset({"Structured", "Udt", "Variant"})


class CommandParameter(NamedTuple):
    """A parameter: its JSON, its name with an @, its value; a return value has none."""

    json: dict[str, Any]
    name: str
    value: Value

    @property
    def direction(self) -> str:
        """`input`, `output`, `inputOutput` or `returnValue`."""
        return str(self.json.get("direction") or "input")

    @property
    def is_returned(self) -> bool:
        """Whether the answer has its value."""
        return self.direction != "input"

    def answer(self, value: Value | None) -> dict[str, Any]:
        """Return Halo's Parameter with a value."""
        return {
            **self.json,
            "direction": self.direction,
            "value": None if value is None else dotnet_string(value),
        }


def read_parameter(parameter: dict[str, Any], encoding: BinaryEncoding = "either") -> CommandParameter:
    """Read a parameter. Raises SqlServerError, mostly ParameterConversionError."""
    name = str(parameter.get("name") or "")
    sql_type = SQL_TYPES.get(str(parameter.get("type")))
    if sql_type is None:
        raise SqlServerError(0, f"The emulator does not pass parameters of type {parameter.get('type')}.")
    text = parameter.get("value")
    if parameter.get("direction") in {"output", "returnValue"}:
        text = None
    value = _read_value(text, sql_type, _size(parameter), encoding)
    if parameter.get("direction") in {"output", "inputOutput"} and not parameter.get("size"):
        value = _with_room(value)
    return CommandParameter(parameter, name if name.startswith("@") else f"@{name}", value)


def _size(parameter: dict[str, Any]) -> int:
    size = parameter.get("size")
    return size if isinstance(size, int) else 0


def dotnet_string(value: Value) -> str | None:
    """Write an output as .NET's ToString does, binary in base64."""
    if value.type.name == "bit" and value.data is not None:
        return "True" if value.data else "False"
    return wire_value(value)


def _read_value(text: Any, sql_type: SqlType, size: int, encoding: BinaryEncoding) -> Value:
    if text is not None and not isinstance(text, str):
        raise ParameterConversionError(sql_type.dotnet, "The value is not a string.")
    match DataType(sql_type.name).family:
        case "text":
            return _fit_size(None if text is None else split_surrogates(text), sql_type, size)
        case "binary":
            return _fit_size(None if text is None else read_binary(text, encoding), sql_type, size)
    target = DataType(sql_type.name, UNBOUNDED, 7)
    return Value(target, None) if text is None else _READERS[sql_type.dotnet](text, target, sql_type.dotnet)


def _fit_size(data: str | bytes | None, sql_type: SqlType, size: int) -> Value:
    """Cut to `size`; without one the type is as long as the value."""
    if sql_type.name in {"xml", "text", "ntext", "image"}:
        large = DataType(sql_type.name, MAX)
        return Value(large, None) if data is None else fit(data if size <= 0 else data[:size], large)
    name = sql_type.name
    length = size if size > 0 else length_limit(name) if data is None else len(data)
    if size < 0 or length > length_limit(name):
        name = name if name.startswith(("var", "nvar")) else {"char": "varchar", "nchar": "nvarchar"}[name]
    target = DataType(name, MAX) if size < 0 else variable_type(name, length)
    return Value(target, None) if data is None else fit(data if size <= 0 else data[:size], target)


def _with_room(value: Value) -> Value:
    """Return the value with the longest type of its kind: an output without a size is not cut."""
    longest = {"char": "varchar", "nchar": "nvarchar"}.get(value.type.name, value.type.name)
    return Value(DataType(longest, MAX), value.data) if longest.startswith(("var", "nvar")) else value


def read_binary(text: str, encoding: BinaryEncoding) -> bytes:
    """Read `0x…` or strict base64. Raises ParameterConversionError."""
    if encoding != "base64" and (match := _HEX.fullmatch(text)):
        return bytes.fromhex(match[1])
    if encoding == "hex":
        raise ParameterConversionError("Byte[]", _NOT_BYTES)
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise ParameterConversionError("Byte[]", _NOT_BYTES) from None


def _integer(text: str, target: DataType, dotnet: str) -> Value:
    match = _INTEGER.fullmatch(text)
    low, high = target.integer_range
    if match is None:
        raise ParameterConversionError(dotnet)
    if not low <= int(match[1]) <= high:
        raise ParameterConversionError(dotnet, f"Value was either too large or too small for a {dotnet}.")
    return Value(target, int(match[1]))


def _boolean(text: str, target: DataType, dotnet: str) -> Value:
    word = text.strip().lower()
    if word not in {"true", "false"}:
        raise ParameterConversionError(dotnet, _NOT_BOOLEAN)
    return Value(target, int(word == "true"))


def _decimal(text: str, target: DataType, dotnet: str) -> Value:
    match = _DECIMAL.fullmatch(text.strip())
    digits = match[2].replace(",", "") if match else ""
    if match is None or not digits.strip("."):
        raise ParameterConversionError(dotnet)
    if len(digits.lstrip("0").partition(".")[0]) > _DECIMAL_DIGITS:
        raise ParameterConversionError(dotnet, "Value was either too large or too small for a Decimal.")
    number = Decimal(match[1] + digits)
    if target.name == "decimal":
        return Value(DataType("decimal"), number)
    return convert(Value(DataType("decimal"), number), target)


def _float(text: str, target: DataType, dotnet: str) -> Value:
    return _convert_text(text.strip(), target, dotnet, "Input string was not in a correct format.")


def _temporal(text: str, target: DataType, dotnet: str) -> Value:
    return _convert_text(text, target, dotnet, _NOT_DATE)


def _guid(text: str, target: DataType, dotnet: str) -> Value:
    try:
        return Value(target, str(uuid.UUID(text.strip().strip("(){}"))).upper())
    except ValueError:
        raise ParameterConversionError(dotnet, _NOT_GUID) from None


def _convert_text(text: str, target: DataType, dotnet: str, reason: str) -> Value:
    try:
        return convert(Value(DataType("varchar", MAX), lose_characters(text)), target)
    except SqlServerError:
        raise ParameterConversionError(dotnet, reason) from None


_READERS: Final[dict[str, Callable[[str, DataType, str], Value]]] = {
    **dict.fromkeys(("Byte", "Int16", "Int32", "Int64"), _integer),
    **dict.fromkeys(("Double", "Single"), _float),
    **dict.fromkeys(("DateTime", "DateTimeOffset", "TimeSpan"), _temporal),
    "Boolean": _boolean,
    "Decimal": _decimal,
    "Guid": _guid,
}
