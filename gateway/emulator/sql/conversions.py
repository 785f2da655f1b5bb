"""CAST, CONVERT and implicit conversion (Microsoft Learn: CAST and CONVERT, Data type conversion)."""

import math
import re
import struct
import uuid
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final

from gateway.emulator.sql.data_types import MAX, DataType, Family
from gateway.emulator.sql.errors import NotInterpreted, sql_error
from gateway.emulator.sql.temporal import read_temporal
from gateway.emulator.sql.utf16 import from_bytes, join_surrogates, to_bytes
from gateway.emulator.sql.values import CODE_PAGE, Value, fit

_INTEGER: Final = re.compile(r"([+-]?) {0,9}([0-9]{0,38})")
_DECIMAL: Final = re.compile(r" *[+-]?(?:[0-9]{1,76}\.?[0-9]{0,76}|\.[0-9]{1,76}) *")
_FLOAT: Final = re.compile(r" *[+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})? *")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*+")
_GUID: Final = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_XML_ENCODING: Final = re.compile(
    r"""<\?xml\s[^>]*?encoding\s*=\s*["'](?!utf-16|ucs-2)[^"']*["']""", re.IGNORECASE
)
_WIDE: Final = Context(prec=80)
#: Conversions that SQL Server only makes on request.
_EXPLICIT_ONLY: Final = frozenset({("text", "binary"), ("approximate", "binary"), ("temporal", "binary")})
#: Bytes that SQL Server stores for an integer.
STORED_BYTES: Final = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
_STYLES: Final = frozenset({0, 1, 2})
#: Both count ten-thousandths, in 8 and 4 bytes.
_MONEY_SCALE: Final = 4
_MONEY: Final = {"money": 2**63, "smallmoney": 2**31}


def convert(value: Value, target: DataType, style: int = 0, *, is_explicit: bool = False) -> Value:
    """Return the value as another type. Raises SqlServerError."""
    if value.data is None:
        return Value(target, None)
    if not is_explicit and (value.type.family, target.family) in _EXPLICIT_ONLY:
        raise sql_error(257, value.type, target)
    if style not in _STYLES:
        raise NotInterpreted(str(style))
    return _CONVERSIONS[target.family](value, target, style)


def _to_text(value: Value, target: DataType, style: int) -> Value:
    if isinstance(value.data, bytes):
        return fit(_bytes_to_text(value.data, target, style), target)
    if value.type.family == "text":
        return fit(_xml_text(value, target) if target.name == "xml" else str(value.data), target)
    text = spell(value)
    if 0 < target.length < len(text):
        raise sql_error(8115, target)
    return fit(text, target)


def _xml_text(value: Value, target: DataType) -> str:
    text = str(value.data)
    if value.type.is_unicode and value.type.name != target.name and (found := _XML_ENCODING.match(text)):
        raise sql_error(9402, found.end())
    return text


def _bytes_to_text(data: bytes, target: DataType, style: int) -> str:
    if style:
        return ("0x" if style == 1 else "") + data.hex().upper()
    return from_bytes(data) if target.is_unicode else data.decode("latin-1").translate(_FROM_LATIN)


def _to_binary(value: Value, target: DataType, style: int) -> Value:
    match value.data:
        case bytes(data):
            return fit(data, target)
        case str(text) if value.type.family == "text":
            return fit(_text_to_bytes(text, value.type, target, style), target)
        case str(text) if value.type.family == "guid":
            return fit(uuid.UUID(text).bytes_le, target)
        case int(number):
            return _integer_to_binary(number, STORED_BYTES[value.type.name], target)
    raise NotInterpreted(f"{value.type} to {target}")


def _text_to_bytes(text: str, source: DataType, target: DataType, style: int) -> bytes:
    if not style:
        return to_bytes(text) if source.is_unicode else text.translate(_TO_LATIN).encode("latin-1")
    digits = text[2:] if style == 1 else text
    if (style == 1 and text[:2].lower() != "0x") or not _HEX.fullmatch(digits):
        raise sql_error(8114, source, target)
    return bytes.fromhex(digits)


def _integer_to_binary(number: int, size: int, target: DataType) -> Value:
    """Big-endian; cut and filled on the left."""
    data = number.to_bytes(size, "big", signed=number < 0)
    length = size if target.length == MAX else target.length
    return Value(target, data[-length:].rjust(length if target.is_fixed else 0, b"\0"))


def _to_integer(value: Value, target: DataType, _style: int) -> Value:
    number = _integer(value, target)
    if target.name == "bit":
        return Value(target, int(number != 0))
    low, high = target.integer_range
    if not low <= number <= high:
        raise sql_error(8115, target)
    return Value(target, number)


def _integer(value: Value, target: DataType) -> int:
    match value.data:
        case bytes(data):
            size = STORED_BYTES[target.name]
            return int.from_bytes(data[-size:].rjust(size, b"\0"), "big", signed=target.name != "tinyint")
        case int() | float() | Decimal():
            return int(value.data)
        case str(text) if target.name == "bit" and text.strip().lower() in {"true", "false"}:
            return int(text.strip().lower() == "true")
        case str(text) if value.type.family == "text" and (match := _INTEGER.fullmatch(text.strip(" "))):
            return int(match[1] + (match[2] or "0"))
    raise sql_error(245, value.type.name, join_surrogates(str(value.data)[:64]), target.name)


def _to_exact(value: Value, target: DataType, _style: int) -> Value:
    if isinstance(value.data, bytes):
        raise sql_error(8114, value.type, target)
    text = str(value.data)
    if isinstance(value.data, str) and not _DECIMAL.fullmatch(text):
        raise sql_error(8114, value.type, target)
    return Value(target, _round(Decimal(text.strip()), target))


def _round(number: Decimal, target: DataType) -> Decimal:
    if target.name in _MONEY:
        return _quantize(number, _MONEY_SCALE, Decimal(_MONEY[target.name]).scaleb(-_MONEY_SCALE), target)
    if not target.length:
        return number
    return _quantize(number, target.scale, Decimal(10) ** (target.length - target.scale), target)


def _quantize(number: Decimal, scale: int, limit: Decimal, target: DataType) -> Decimal:
    try:
        rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _WIDE)
    except InvalidOperation:
        raise sql_error(8115, target) from None
    if abs(rounded) >= limit:
        raise sql_error(8115, target)
    return rounded


def _to_approximate(value: Value, target: DataType, _style: int) -> Value:
    if isinstance(value.data, bytes) or (isinstance(value.data, str) and not _FLOAT.fullmatch(value.data)):
        raise sql_error(8114, value.type, target)
    return Value(target, _float(float(value.data or 0), target))


def _float(number: float, target: DataType) -> float:
    try:
        stored: float = struct.unpack("f", struct.pack("f", number))[0] if target.name == "real" else number
    except OverflowError:
        raise sql_error(8115, target) from None
    if not math.isfinite(stored):
        raise sql_error(8115, target)
    return stored


def _to_temporal(value: Value, target: DataType, _style: int) -> Value:
    if not isinstance(value.data, str) or value.type.family not in {"text", "temporal"}:
        raise NotInterpreted(f"{value.type} to {target}")
    try:
        return Value(target, read_temporal(value.data, target))
    except (ValueError, OverflowError):
        raise sql_error(241) from None


def _to_guid(value: Value, target: DataType, _style: int) -> Value:
    if isinstance(value.data, bytes):
        return Value(target, str(uuid.UUID(bytes_le=value.data[:16].ljust(16, b"\0"))).upper())
    match = _GUID.match(str(value.data))
    if match is None or value.type.family not in {"text", "guid"}:
        raise sql_error(8169)
    return Value(target, match[1].upper())


def spell(value: Value) -> str:
    """Write a value that is neither text nor binary as SQL Server and .NET write it."""
    if isinstance(value.data, Decimal):
        return f"{value.data:f}"
    if isinstance(value.data, float):
        return _spell_float(value.data, is_single=value.type.name == "real")
    return str(value.data)


def _spell_float(number: float, *, is_single: bool) -> str:
    """Write the fewest digits that give the number again."""
    text = repr(number)
    if is_single:
        texts = (f"{number:.{digits}g}" for digits in range(6, 10))
        text = next((short for short in texts if _float(float(short), DataType("real")) == number), text)
    return text.removesuffix(".0").upper()


_FROM_LATIN: Final = {byte: ord(character) for byte, character in enumerate(CODE_PAGE)}
_TO_LATIN: Final = {ord(character): byte for byte, character in enumerate(CODE_PAGE)}
_CONVERSIONS: Final[dict[Family, Callable[[Value, DataType, int], Value]]] = {
    "text": _to_text,
    "binary": _to_binary,
    "integer": _to_integer,
    "exact": _to_exact,
    "approximate": _to_approximate,
    "temporal": _to_temporal,
    "guid": _to_guid,
}
