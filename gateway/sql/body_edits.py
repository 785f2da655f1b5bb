"""Changes to a body, piece by piece; all other bytes stay as they are."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from gateway.sql.json_skeleton import PIECE

#: JSON escapes of the characters that need one; the backslash is first, because all others have one.
_ESCAPES = (
    (b"\\", b"\\\\"),
    (b'"', b'\\"'),
    *((bytes([code]), b"\\u%04x" % code) for code in range(0x20) if code not in b"\b\t\n\f\r"),
    *((bytes([code]), b"\\" + bytes([letter])) for code, letter in zip(b"\b\t\n\f\r", b"btnfr", strict=True)),
)
_PLAIN = bytes(set(range(256)).difference(b"".join(character for character, _ in _ESCAPES)))


class Edit(NamedTuple):
    """Bytes of the body from `start` to `end`, and what replaces them."""

    start: int
    end: int
    replacement: Iterable[bytes] = ()


def edited_body(body: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the body with its edits, which do not overlap.

    The pieces are joined in one call, which lets other threads run meanwhile.
    """
    return b"".join(_edited_pieces(body, sorted(edits, key=lambda each: each.start)))


def _edited_pieces(body: bytes, edits: Iterable[Edit]) -> Iterator[bytes]:
    position = 0
    for edit in edits:
        yield from _pieces(body, position, edit.start)
        yield from edit.replacement
        position = edit.end
    yield from _pieces(body, position, len(body))


def json_content(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text in UTF-8 as the content of a JSON string."""
    for piece in pieces:
        present = set(piece.translate(None, _PLAIN))
        for character, escape in _ESCAPES if present else ():
            if character[0] in present:
                piece = piece.replace(character, escape)  # noqa: PLW2901 - one piece, several escapes
        yield piece


def ascii_json_content(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text in UTF-8 as the content of a JSON string in ASCII; no piece may end within a character."""
    for piece in pieces:
        if piece.isascii():
            yield from json_content((piece,))
        else:
            yield json.dumps(piece.decode())[1:-1].encode()


def removals(items: Sequence[tuple[int, int]], removed: set[int]) -> Iterator[Edit]:
    """Yield the edits that take items out of an array, each with the comma and the space before it.

    `items` are the start and end of all items in order. The first one that stays moves to the first's place.
    """
    first = next((index for index in range(len(items)) if index not in removed), len(items))
    if first:
        yield Edit(items[0][0], items[first][0] if first < len(items) else items[-1][1])
    for index, (before, item) in enumerate(pairwise(items), start=1):
        if index > first and index in removed:
            yield Edit(before[1], item[1])


def _pieces(content: bytes, start: int, end: int) -> Iterator[bytes]:
    return (content[at : min(at + PIECE, end)] for at in range(start, end, PIECE))
