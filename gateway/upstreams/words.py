"""Fields of an error body as text of a bounded length, whatever type they came as."""

import re
from typing import Any

#: Characters of a message that are kept.
LONGEST_MESSAGE = 1_000

_TOKEN = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def words(value: Any) -> str:
    """A text field on one line, printable, at most 1,000 characters; empty for anything else."""
    if not isinstance(value, str):
        return ""
    line = "".join(each if each.isprintable() else " " for each in value[: 2 * LONGEST_MESSAGE])
    return " ".join(line.split())[:LONGEST_MESSAGE]


def token(value: Any) -> str:
    """A code: a number or a short word without spaces; empty for anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if len(text) <= 80 and _TOKEN.fullmatch(text) else ""  # noqa: PLR2004 - as in the pattern


def number(value: Any) -> int:
    """A small number, also if written as text; 0 for anything else."""
    text = token(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - far above any status
