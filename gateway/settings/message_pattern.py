"""Value type of operators' regular expressions for upstream messages.

Strangers can put words into an upstream's message, so no message may take a pattern long. Python's engine
tries every way to match a repeat: the number of ways is limited, whatever the message says.
"""

import re
from collections.abc import Iterator
from math import prod
from typing import Annotated, Final

from pydantic import AfterValidator, Field

#: Maximum number of ways in which the repeats of a pattern can match at one place.
_MAX_WAYS: Final = 1_000
_MAX_LENGTH: Final = 500
#: Escaped characters and character classes, in which no character is a repeat.
_ONE_CHARACTER: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEAT: Final = re.compile(r"(\)?)(?:([*+?])|\{(\d*)(,?)(\d*)\})[?+]?")
_ADVICE: Final = (
    "message_pattern could take long: write {0,60} instead of * and +, repeat no group, and let the repeats"
    f" match in at most {_MAX_WAYS:,} ways, which are 61 for {{0,60}}"
)


def _check_message_pattern(pattern: str) -> str:
    """Return the pattern. Raises ValueError if it is invalid, can take long, or matches every message."""
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as problem:
        raise ValueError("message_pattern must be a regular expression") from problem
    if prod(_ways(pattern)) > _MAX_WAYS:
        raise ValueError(_ADVICE)
    if pattern and compiled.search(""):
        raise ValueError("message_pattern matches an empty message, and so every message")
    return pattern


def _ways(pattern: str) -> Iterator[float]:
    """Yield the number of ways in which each repeat can match; infinite without a limit."""
    plain = _ONE_CHARACTER.sub("x", pattern).replace("(?", "(")
    for repeat in _REPEAT.finditer(plain):
        group_end, sign, least, comma, most = repeat.groups()
        if sign in {"*", "+"} or (comma and not most):
            yield float("inf")
        elif sign:
            yield 2
        elif least or most:
            ways = int(most) - int(least or 0) + 1 if comma else 1
            yield float("inf") if group_end and int(most or least) > 1 else ways


MessagePattern = Annotated[str, Field(max_length=_MAX_LENGTH), AfterValidator(_check_message_pattern)]
