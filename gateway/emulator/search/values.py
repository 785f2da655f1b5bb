"""Matching of element values with string, token and reference search values (R4 search.html 3.1.1.4)."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

_ABSOLUTE_REFERENCE: Final = re.compile(
    r"^https?://.*/([A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?$"
)

#: System (None: a bare code, whose system is implied), code, text.
Token = tuple[str | None, str, str]


def fold_text(text: str) -> str:
    """Text without case and accents, for R4's string search."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def string_matches(value: str, search_value: str, modifier: str) -> bool:
    """Whether a string starts with (default), contains or equals the search value."""
    if modifier == "exact":
        return value == search_value
    if modifier == "contains":
        return fold_text(search_value) in fold_text(value)
    return fold_text(value).startswith(fold_text(search_value))


def tokens_in(value: Any) -> Iterator[Token]:
    """Yield the tokens in a CodeableConcept, Coding, Identifier, ContactPoint, code, string or boolean."""
    if isinstance(value, bool):
        yield None, str(value).lower(), ""
    elif not isinstance(value, dict):
        yield None, str(value), ""
    elif "code" in value or "value" in value:
        yield value.get("system", ""), value.get("code") or value.get("value", ""), value.get("display", "")
    else:
        for coding in value.get("coding", []):
            yield coding.get("system", ""), coding.get("code", ""), coding.get("display", "")
        yield "", "", value.get("text", "")


def token_matches(token: Token, search_value: str, modifier: str) -> bool:
    """Whether a token matches `code`, `system|code`, `|code` or `system|`, or its text with `:text`."""
    system, code, text = token
    if modifier == "text":
        return bool(text) and fold_text(text).startswith(fold_text(search_value))
    search_system, bar, search_code = search_value.rpartition("|")
    if bar and system is not None and system != search_system:
        return False
    return bool(code) and (code == search_code or (bool(bar) and not search_code))


def local_reference(value: Any) -> str:
    """`Type/id` of a Reference, its text, or an absolute URL that ends with it; else the text unchanged."""
    text = str(value.get("reference", "") if isinstance(value, dict) else value)
    match = _ABSOLUTE_REFERENCE.match(text)
    return f"{match[1]}/{match[2]}" if match else text


def reference_matches(value: str, search_value: str, modifier: str) -> bool:
    """Whether a local reference matches `Type/id`, an absolute URL, or a bare id (of type `modifier`)."""
    search_value = local_reference(search_value)
    if "/" not in search_value:
        return value == f"{modifier}/{search_value}" if modifier else value.endswith(f"/{search_value}")
    return value == search_value
