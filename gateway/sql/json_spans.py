"""Positions of values in JSON bytes, found in pieces, so that a value of 16 MB is neither decoded nor copied.

Other threads run between the pieces, and a text of very many values ends the search. The text is not
validated: a caller may rely on the bytes between two positions only as far as the upstream's JSON is correct.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

#: Maximum steps in one text, of which a parameter of a result takes about 75: half a second of CPU time.
MAX_STEPS: Final = 1_000_000
#: Maximum bytes of one regular expression: longer ones would keep other threads waiting.
_CHUNK: Final = 65_536
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING_PART = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SCALAR_PART = re.compile(rb"[-+.0-9A-Za-z]*+")
_STRUCTURE = re.compile(rb'[\[\]{}"]')
_QUOTE, _COMMA, _COLON = b'"', b",", b":"


class SpanError(ValueError):
    """The text is not the JSON that was expected, or has too many values."""


class Span(NamedTuple):
    """Begin and end of a value; the byte at `end` is the first behind it."""

    start: int
    end: int


class JsonText:
    """JSON bytes, and how many more steps their search may take."""

    def __init__(self, body: bytes, max_steps: int = MAX_STEPS) -> None:
        self.body = body
        self._steps_left = max_steps

    def mark(self, at: int) -> bytes:
        """Byte at a position; none behind the end."""
        return self.body[at : at + 1]

    def match_end(self, pattern: re.Pattern[bytes], start: int) -> int:
        """Position behind what matches at a position, in one piece. Raises SpanError after too many steps."""
        self._count_step()
        match = pattern.match(self.body, start, start + _CHUNK)
        return match.end() if match else start

    def next_structure(self, start: int) -> int:
        """Position of the next bracket or quote. Raises SpanError without one, or after too many steps."""
        self._count_step()
        for at in range(start, len(self.body), _CHUNK):
            match = _STRUCTURE.search(self.body, at, at + _CHUNK)
            if match:
                return match.start()
        raise SpanError

    def _count_step(self) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise SpanError


def member_spans(text: JsonText, start: int) -> Iterator[tuple[bytes, Span]]:
    """Yield the members of the object at a position: the name between its quotes, as sent, and its value.

    Raises SpanError.
    """
    at = _first_element(text, start, b"{", b"}")
    while at:
        name_end = _string_end(text, at)
        value = _after_space(text, _after(text, name_end, _COLON))
        end = value_end(text, value)
        yield text.body[at + 1 : name_end - 1], Span(value, end)
        at = _next_element(text, end, b"}")


def item_spans(text: JsonText, start: int) -> Iterator[Span]:
    """Yield the items of the array at a position. Raises SpanError."""
    at = _first_element(text, start, b"[", b"]")
    while at:
        end = value_end(text, at)
        yield Span(at, end)
        at = _next_element(text, end, b"]")


def value_end(text: JsonText, start: int) -> int:
    """Position behind the value that begins at a position. Raises SpanError."""
    first = text.mark(start)
    if first == _QUOTE:
        return _string_end(text, start)
    if first not in {b"{", b"["}:
        return _end_of_run(text, start, _SCALAR_PART)
    depth, at = 0, start
    while True:
        at = text.next_structure(at)
        mark = text.mark(at)
        if mark == _QUOTE:
            at = _string_end(text, at)
            continue
        depth += 1 if mark in {b"{", b"["} else -1
        at += 1
        if depth == 0:
            return at


def _first_element(text: JsonText, start: int, opening: bytes, closing: bytes) -> int:
    """Position of the first element; 0 if there is none."""
    at = _after_space(text, _after(text, start, opening))
    return 0 if text.mark(at) == closing else at


def _next_element(text: JsonText, end: int, closing: bytes) -> int:
    """Position of the element behind another, which ends at `end`; 0 if there is none."""
    at = _after_space(text, end)
    return 0 if text.mark(at) == closing else _after_space(text, _after(text, at, _COMMA))


def _string_end(text: JsonText, start: int) -> int:
    """Position behind the string whose opening quote is at a position."""
    at = _after_mark(text, start, _QUOTE)
    while text.mark(at) != _QUOTE:
        end = text.match_end(_STRING_PART, at)
        if end == at:
            raise SpanError
        at = end
    return at + 1


def _after(text: JsonText, start: int, mark: bytes) -> int:
    """Position behind a mark, which may follow white space."""
    return _after_mark(text, _after_space(text, start), mark)


def _after_mark(text: JsonText, at: int, mark: bytes) -> int:
    if text.mark(at) != mark:
        raise SpanError
    return at + 1


def _after_space(text: JsonText, start: int) -> int:
    return _end_of_run(text, start, _SPACE)


def _end_of_run(text: JsonText, start: int, pattern: re.Pattern[bytes]) -> int:
    at, end = start, text.match_end(pattern, start)
    while end - at == _CHUNK:
        at, end = end, text.match_end(pattern, end)
    return end
