"""Primitive types of R4 (datatypes.html): the test of a JSON value, and the description of the type.

fhir.resources' own primitive types accept more than R4 does (`"true"`, `1.0` for an integer, 255 characters
for an id) and sometimes less (a UUID of version 1), so the gateway uses only its dates and times.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

_MAX_STRING_LENGTH = 1_048_576
_MIN_INTEGER, _MAX_INTEGER = -2_147_483_648, 2_147_483_647
_BASE64_GROUP = 4
_Predicate = Callable[[Any], bool]


class Primitive(NamedTuple):
    """Primitive type: its test, and a description of its values for messages."""

    is_valid: _Predicate
    description: str


def primitive_error(type_: str, value: Any) -> str:
    """Error message for a JSON value as a primitive of this type; empty if it is valid."""
    if value == "":
        return "is empty: leave the element out"
    primitive = PRIMITIVES[type_]
    return "" if primitive.is_valid(value) else f"is not {primitive.description}"


def _matches_pattern(pattern: str) -> _Predicate:
    fullmatch = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and fullmatch(value) is not None


def _integer_from(minimum: int) -> Primitive:
    return Primitive(
        lambda value: type(value) is int and minimum <= value <= _MAX_INTEGER,
        f"a whole number from {minimum} to {_MAX_INTEGER}, without quotes",
    )


#: Characters not allowed in R4's string (datatypes.html#string), and lone surrogates, which are not text.
_NOT_IN_STRING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_STRING_LENGTH and not _NOT_IN_STRING.search(value)


def _is_base64(value: Any) -> bool:
    digits = "".join(value.split()) if isinstance(value, str) else ""
    try:
        return len(digits) % _BASE64_GROUP == 0 and bool(b64decode(digits, validate=True))
    except ValueError:
        return False


def _date_time_test(type_: str) -> _Predicate:
    """Test by the library's type: R4's pattern, and a day that exists."""

    def is_date_time(value: Any) -> bool:
        from pydantic import ValidationError

        try:
            _type_adapter(type_).validate_python(value, strict=False)
        except ValidationError:
            return False
        return isinstance(value, str)

    return is_date_time


@lru_cache
def _type_adapter(type_: str) -> Any:
    from fhir_core import types
    from pydantic import TypeAdapter

    return TypeAdapter(getattr(types, type_))


_STRING = Primitive(
    _is_string, f"a string of at most {_MAX_STRING_LENGTH} characters, without control characters"
)
_URI = _matches_pattern(r"\S+")

PRIMITIVES: dict[str, Primitive] = {
    "base64Binary": Primitive(_is_base64, "base64 (RFC 4648)"),
    "boolean": Primitive(lambda value: isinstance(value, bool), "true or false, without quotes"),
    "canonical": Primitive(_URI, "a canonical URL without spaces"),
    "code": Primitive(
        _matches_pattern(r"\S+(?:\s\S+)*"), "a code: one word, or words with single spaces between them"
    ),
    "date": Primitive(_date_time_test("DateType"), "a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": Primitive(
        _date_time_test("DateTimeType"),
        "a date and time that exist, as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz",
    ),
    "decimal": Primitive(lambda value: type(value) in {int, float}, "a number without quotes"),
    "id": Primitive(
        _matches_pattern(r"[A-Za-z0-9\-.]{1,64}"), "an id: 1 to 64 letters, digits, hyphens or dots"
    ),
    "instant": Primitive(
        _date_time_test("InstantType"), "an instant that exists, as YYYY-MM-DDThh:mm:ss.sss+zz:zz"
    ),
    "integer": _integer_from(_MIN_INTEGER),
    "markdown": _STRING,
    "oid": Primitive(_matches_pattern(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"), "an OID as urn:oid:1.2.3"),
    "positiveInt": _integer_from(1),
    "string": _STRING,
    "time": Primitive(_date_time_test("TimeType"), "a time that exists, as hh:mm:ss"),
    "unsignedInt": _integer_from(0),
    "uri": Primitive(_URI, "a URI without spaces"),
    "url": Primitive(_URI, "a URL without spaces"),
    "uuid": Primitive(
        _matches_pattern(r"(?i)urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "a UUID as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    ),
    "xhtml": _STRING,
}
