"""TOML file of the configuration."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

#: Bytes of a file that are read.
_MAX_BYTES: Final = 16_000_000
#: Beginnings of the parser's messages that go on with a name out of the file.
_NAMING_MESSAGE: Final = re.compile(r"Cannot |Duplicate ")
_LINE_POSITION: Final = re.compile(r"\(at [^()]*\)$")


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a file; one from Windows may begin with a byte order mark.

    Raises ValueError saying what is wrong, without what is in the file, and OSError.
    """
    try:
        return tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(_redact_message(str(problem))) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        found = file.read(_MAX_BYTES + 1)
    if len(found) > _MAX_BYTES:
        raise ValueError(f"is longer than {_MAX_BYTES} bytes")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = found.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"is not UTF-8 text (at line {line}): save it as UTF-8") from None


def _redact_message(message: str) -> str:
    place = _LINE_POSITION.search(message)
    return (
        f"gives a name twice {place[0] if place else ''}".rstrip()
        if _NAMING_MESSAGE.match(message)
        else message
    )
