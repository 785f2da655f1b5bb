"""JSON with strings as long as the body: they are found piece by piece, only the rest is decoded whole.

A skeleton is the body with each string's number in place of its content: `{"a": "b"}` -> `{"0": "1"}`.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec
from msgspec import Raw

from gateway.sql.reasons import Reason, UnsuitableError

#: Bytes of a string that are decoded at once: no call holds the interpreter for long.
PIECE = 65_536
#: Maximum size of a skeleton in bytes: 2,100 parameters (SQL Server's limit) need about 200,000.
MAX_SKELETON = 262_144
#: Maximum size of a name in the body, in bytes.
MAX_NAME = 2_048

_STRING_PIECE = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_items_decoder: msgspec.json.Decoder[list[Raw] | None] = msgspec.json.Decoder(list[Raw] | None)


class JsonString(NamedTuple):
    """A string of a JSON body. `bounds` are where its pieces start and the last one ends, without the quotes.

    No character, escape or escaped surrogate pair lies across two pieces.
    """

    body: bytes
    bounds: tuple[int, ...]

    @property
    def start(self) -> int:
        """Offset of its first byte after the opening quote."""
        return self.bounds[0]

    @property
    def end(self) -> int:
        """Offset of its closing quote."""
        return self.bounds[-1]

    @property
    def size(self) -> int:
        """Bytes between its quotes; never fewer than the UTF-16 units or UTF-8 bytes of its text."""
        return self.end - self.start

    def pieces(self) -> Iterator[str]:
        """Yield its text; a lone surrogate stays one."""
        for start, end in pairwise(self.bounds):
            yield _decode(self.body[start:end])

    def text(self) -> str:
        """Whole text of a short string. Raises UnsuitableError if it is long."""
        if self.size > MAX_NAME:
            raise UnsuitableError(Reason.COMPLEX)
        return "".join(self.pieces())


def _decode(raw: bytes) -> str:
    """Text of a part of a JSON string. Raises UnicodeDecodeError if it is not UTF-8."""
    text = raw.decode()
    return str(json.loads(f'"{text}"')) if "\\" in text else text


class Skeleton:
    """A JSON body whose structure is decoded and whose strings are not."""

    def __init__(self, body: bytes, piece: int = PIECE) -> None:
        """Find all strings. Raises UnsuitableError if the body is no JSON in UTF-8, or too complex."""
        self._body = body
        self._strings: list[tuple[int, ...]] = []
        self._ends: list[int] = []
        self._text = self._without_strings(piece)

    @property
    def longest(self) -> int:
        """Bytes of its longest string."""
        return max((bounds[-1] - bounds[0] for bounds in self._strings), default=0)

    def fields(self, raw: Raw | None = None) -> dict[str, Raw]:
        """Members of an object, by default of the body's. Raises UnsuitableError.

        A name that is repeated, or differs from another in capitals only, has no certain meaning.
        """
        try:
            found = _fields_decoder.decode(self._text if raw is None else raw)
        except msgspec.ValidationError as problem:
            raise UnsuitableError(Reason.SHAPE) from problem
        except (msgspec.DecodeError, RecursionError) as problem:
            raise UnsuitableError(Reason.JSON) from problem
        fields = {self._string(number).text(): value for number, value in found.items()}
        if len({name.casefold() for name in fields}) < len(found):
            raise UnsuitableError(Reason.REPEATED_NAME)
        return fields

    def items(self, raw: Raw | None) -> list[Raw]:
        """Items of an array; none if it is absent or null. Raises UnsuitableError."""
        try:
            return (_items_decoder.decode(raw) or []) if raw is not None else []
        except msgspec.DecodeError as problem:
            raise UnsuitableError(Reason.SHAPE) from problem

    def string(self, raw: Raw | None) -> JsonString | None:
        """Return the string that a value is; None if it is absent or no string."""
        content = bytes(raw) if raw is not None else b""
        return self._string(content[1:-1]) if content[:1] == b'"' else None

    def _string(self, number: str | bytes) -> JsonString:
        return JsonString(self._body, self._strings[int(number)])

    def span(self, raw: Raw) -> tuple[int, int]:
        """Start and end in the body of an object that has a name (no other has the same number)."""
        start = self._text.index(bytes(raw))
        return self._offset(start), self._offset(start + len(bytes(raw)))

    def _offset(self, position: int) -> int:
        """Offset in the body of a position of the skeleton outside its strings."""
        index = bisect_right(self._ends, position)
        return position if index == 0 else self._strings[index - 1][-1] + 1 + position - self._ends[index - 1]

    def _without_strings(self, piece: int) -> bytes:
        body, text, position = self._body, bytearray(), 0
        while len(text) <= MAX_SKELETON:
            quote = body.find(b'"', position, position + MAX_SKELETON)
            if quote < 0:
                text += body[position : position + MAX_SKELETON + 1]
                break
            bounds = _bounds(body, quote + 1, piece)
            text += b'%b"%d"' % (body[position:quote], len(self._strings))
            self._strings.append(bounds)
            self._ends.append(len(text))
            position = bounds[-1] + 1
        if len(text) > MAX_SKELETON:
            raise UnsuitableError(Reason.COMPLEX)
        return bytes(text)


def _bounds(body: bytes, start: int, piece: int) -> tuple[int, ...]:
    """Bounds of the pieces of a string. Raises UnsuitableError if it does not end or is not valid."""
    bounds = [start]
    while True:
        start = bounds[-1]
        match = _STRING_PIECE.match(body, start, start + piece)
        end = match.end() if match else start
        is_last = body[end : end + 1] == b'"'
        end = end if is_last else _whole_characters_end(body, start, end)
        if not _is_valid(body[start:end], is_last):
            raise UnsuitableError(Reason.JSON)
        bounds.append(end)
        if is_last:
            return tuple(bounds)


def _is_valid(raw: bytes, is_last: bool) -> bool:
    """Whether a piece is UTF-8, and not empty unless it is the last one."""
    try:
        return bool(raw.decode()) or is_last
    except UnicodeDecodeError:
        return False


def _whole_characters_end(body: bytes, start: int, end: int) -> int:
    """Return the last position, not after `end`, that splits neither a character nor a surrogate pair."""
    for _ in range(3):
        end -= body[end : end + 1] > b"\x7f" and body[end] & 0xC0 == 0x80  # noqa: PLR2004 - within a character
    is_escape = _HIGH_SURROGATE.fullmatch(body, max(start, end - 6), end) is not None
    try:  # `\\ud800` is an escaped backslash
        is_high = is_escape and "\ud800" <= _decode(body[start:end])[-1] <= "\udbff"
    except UnicodeDecodeError:
        return start
    return end - 6 if is_high else end
