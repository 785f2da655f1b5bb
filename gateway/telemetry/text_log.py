"""The log for people (`log.format = "text"`): one line per event, aligned; made of the lines in JSON.

structlog's ConsoleRenderer writes exceptions below their line and control characters as they are; and the
lines of prepared answers never pass structlog.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

#: Fields that begin each line, and the width of level and event.
_FIRST_FIELDS: Final = ("timestamp", "level", "event")
_LEVEL_WIDTH, _EVENT_WIDTH = 8, 27
#: Characters of a value that needs no quotes.
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._:/+@%$*(),;<>~#|&\[\]]+", re.ASCII)
_COLOURS: Final = {"warning": "33", "error": "31", "critical": "31", "debug": "2"}


class TextLog:
    """A stream that takes lines of JSON and writes them as text; `in_colour`: for a terminal."""

    def __init__(self, stream: BinaryIO, *, in_colour: bool = False) -> None:
        self._stream = stream
        self._in_colour = in_colour

    def write(self, lines: bytes) -> int:
        """Write whole lines."""
        for line in lines.splitlines():
            self._stream.write(text_line(line, in_colour=self._in_colour).encode() + b"\n")
        return len(lines)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


def text_line(line: bytes, *, in_colour: bool = False) -> str:
    """Return a line of JSON as text of visible ASCII; a line that is no JSON in quotes."""
    try:
        fields: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        fields = None
    if not isinstance(fields, dict):
        return json.dumps(line.decode(errors="replace"))
    timestamp, level, event = (_text(fields.get(name, "")) for name in _FIRST_FIELDS)
    named = " ".join(_named_values(fields))
    start = f"{level:<{_LEVEL_WIDTH}} {event:<{_EVENT_WIDTH}}"
    colour = _COLOURS.get(level)
    if in_colour and colour:
        start = f"\x1b[{colour}m{start}\x1b[0m"
    return f"{timestamp} {start} {named}".rstrip()


def _named_values(fields: dict[str, Any]) -> Iterator[str]:
    """Yield `name=value` of all fields that are not empty; the id of the request is the first."""
    for name, value in {"request_id": "", **fields}.items():
        if name not in _FIRST_FIELDS and value not in ("", [], None):
            yield f"{_text(name)}={_text(value)}"


def _text(value: Any) -> str:
    """Text of a value; a list with commas. What is not plain is in quotes, escaped as in JSON."""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _PLAIN.fullmatch(text) or not text else json.dumps(text).replace("\x7f", "\\u007f")
