"""JSON decoding with FHIR's requirements on JSON text (R4 json.html): UTF-8, each name once."""

import json
from codecs import BOM_UTF8
from typing import Any

#: Maximum digits of an exact integer; a longer number is outside every integer type of FHIR.
_MAX_DIGITS = 20


class NotJsonError(ValueError):
    """Reason why a text is not JSON, without words of the text."""


class ObjectWithDuplicates(dict[str, Any]):
    """A JSON object with a duplicate name; it has the last value, as most parsers do."""


def decode_json(text: bytes) -> Any:
    """Decode a JSON text. Raises NotJsonError."""
    if not text.strip():
        raise NotJsonError("is empty: write one resource")
    if text.startswith(BOM_UTF8):
        raise NotJsonError("begins with a byte order mark: leave it out")
    try:
        return json.loads(
            text.decode(),
            object_pairs_hook=_object_from_pairs,
            parse_int=_parse_number,
            parse_constant=_reject_constant,
        )
    except UnicodeDecodeError:
        raise NotJsonError("is not UTF-8") from None
    except json.JSONDecodeError as problem:
        raise NotJsonError(f"is not JSON, from line {problem.lineno}, column {problem.colno}") from None
    except RecursionError:
        raise NotJsonError("is nested too deeply") from None


def _object_from_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else ObjectWithDuplicates(members)


def _parse_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _reject_constant(_: str) -> None:
    """Reject NaN and Infinity, which Python's parser accepts but JSON does not define."""
    raise NotJsonError("is not JSON: NaN and Infinity are not JSON numbers")
