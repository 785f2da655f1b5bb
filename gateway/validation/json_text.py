"""JSON text -> Python values, with what FHIR asks of JSON text (R4 json.html): UTF-8, each name once."""

import json
from codecs import BOM_UTF8
from typing import Any

#: Digits of a number that is read as it is; a longer one is outside every integer type of FHIR.
_MAX_DIGITS = 20


class NotJsonError(ValueError):
    """Says why a text is no JSON, without its words."""


class ObjectWithDuplicates(dict[str, Any]):
    """An object in which a name is written more than once; it holds the last value, as most parsers do."""


def decode_json(text: bytes) -> Any:
    """The value of a JSON text. Raises NotJsonError."""
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
    found = dict(pairs)
    return found if len(found) == len(pairs) else ObjectWithDuplicates(found)


def _parse_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _reject_constant(_: str) -> None:
    """NaN and Infinity, which Python's parser takes and JSON has not."""
    raise NotJsonError("is not JSON: NaN and Infinity are no numbers")
