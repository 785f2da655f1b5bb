"""TOML file of the configuration."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

#: Maximum size of the file, in bytes.
_MAX_BYTES: Final = 16_000_000
#: Prefix of the parser's messages that contain a name from the file.
_NAMING_MESSAGE: Final = re.compile(r"Cannot |Duplicate ")
_LINE_POSITION: Final = re.compile(r"\(at [^()]*\)$")


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a file, which may begin with a byte order mark, as on Windows.

    Raises OSError, or ValueError with the problem, but without the file's content.
    """
    try:
        return tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(_redact_message(str(problem))) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"is longer than {_MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"is not UTF-8 text (at line {line}): save it as UTF-8") from None


def _redact_message(message: str) -> str:
    position = _LINE_POSITION.search(message)
    return (
        f"contains a name twice {position[0] if position else ''}".rstrip()
        if _NAMING_MESSAGE.match(message)
        else message
    )
