"""Primitive types of R4 (datatypes.html): whether a JSON value is one, and what to write instead.

fhir.resources' own primitive types take more than R4 does (`"true"`, `1.0` for an integer, 255 characters for
an id) and sometimes less (a UUID of version 1), so only its dates and times are used.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

_LONGEST = 1_048_576
_LEAST, _MOST = -2_147_483_648, 2_147_483_647
_QUARTET = 4
_Test = Callable[[Any], bool]


class Primitive(NamedTuple):
    """One primitive type: its test, and what its values look like."""

    test: _Test
    form: str


def problem(type_: str, value: Any) -> str:
    """What is wrong with a JSON value as a primitive of this type; empty if nothing is."""
    if value == "":
        return "is empty: leave the element out"
    primitive = PRIMITIVES[type_]
    return "" if primitive.test(value) else f"is not {primitive.form}"


def _text(pattern: str) -> _Test:
    matches = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def _whole(least: int) -> Primitive:
    return Primitive(
        lambda value: type(value) is int and least <= value <= _MOST,
        f"a whole number from {least} to {_MOST}, without quotes",
    )


#: What R4's string has not (datatypes.html#string), and lone surrogates, which are no text.
_NOT_IN_STRING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def _string(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and not _NOT_IN_STRING.search(value)


def _base64(value: Any) -> bool:
    digits = "".join(value.split()) if isinstance(value, str) else ""
    try:
        return len(digits) % _QUARTET == 0 and bool(b64decode(digits, validate=True))
    except ValueError:
        return False


def _moment(type_: str) -> _Test:
    """By the library's type: R4's pattern, and a day that exists."""

    def test(value: Any) -> bool:
        from pydantic import ValidationError

        try:
            _adapter(type_).validate_python(value, strict=False)
        except ValidationError:
            return False
        return isinstance(value, str)

    return test


@lru_cache
def _adapter(type_: str) -> Any:
    from fhir_core import types
    from pydantic import TypeAdapter

    return TypeAdapter(getattr(types, type_))


_STRING = Primitive(_string, f"a string of at most {_LONGEST} characters, without control characters")
_URI = _text(r"\S+")

PRIMITIVES: dict[str, Primitive] = {
    "base64Binary": Primitive(_base64, "base64 (RFC 4648)"),
    "boolean": Primitive(lambda value: isinstance(value, bool), "true or false, without quotes"),
    "canonical": Primitive(_URI, "a canonical URL without spaces"),
    "code": Primitive(_text(r"\S+(?:\s\S+)*"), "a code: one word, or words with single spaces between them"),
    "date": Primitive(_moment("DateType"), "a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": Primitive(
        _moment("DateTimeType"),
        "a date and time that exist, as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz",
    ),
    "decimal": Primitive(lambda value: type(value) in {int, float}, "a number without quotes"),
    "id": Primitive(_text(r"[A-Za-z0-9\-.]{1,64}"), "an id: 1 to 64 letters, digits, hyphens or dots"),
    "instant": Primitive(_moment("InstantType"), "an instant that exists, as YYYY-MM-DDThh:mm:ss.sss+zz:zz"),
    "integer": _whole(_LEAST),
    "markdown": _STRING,
    "oid": Primitive(_text(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"), "an OID as urn:oid:1.2.3"),
    "positiveInt": _whole(1),
    "string": _STRING,
    "time": Primitive(_moment("TimeType"), "a time that exists, as hh:mm:ss"),
    "unsignedInt": _whole(0),
    "uri": Primitive(_URI, "a URI without spaces"),
    "url": Primitive(_URI, "a URL without spaces"),
    "uuid": Primitive(
        _text(r"(?i)urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "a UUID as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    ),
    "xhtml": _STRING,
}
