"""Values of parameters as spans of the client's body: decoded piece by piece, as often as they are read."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.sql.json_skeleton import JsonString
from gateway.sql.reasons import Reason, UnsuitableError

_NOT_HEX = re.compile(r"[^0-9A-Fa-f]")
_SPACES = re.compile(r"\s+")
_XML_DECLARATION = re.compile(r"\ufeff? ?<\?xml\b([^>]*)")
_ENCODING = re.compile(r"\bencoding\b")
#: Characters, without repeated white space, of an XML declaration that is read to its end.
_MAX_DECLARATION = 1_000


class Extent(NamedTuple):
    """Size of a value in what its `size` may count; the same number twice unless that is a code page's."""

    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text. Its pieces are `str`; a surrogate in them is a lone one."""

    string: JsonString

    def pieces(self) -> Iterator[str]:
        """Yield the text."""
        return self.string.pieces()

    def units(self) -> int:
        """UTF-16 units, as nvarchar counts."""
        return sum(len(piece.encode("utf-16-le", "surrogatepass")) // 2 for piece in self.pieces())

    def code_page_bytes(self) -> Extent:
        """Bytes in the database's code page, which is unknown: one per UTF-16 unit, or those of UTF-8."""
        return Extent(
            self.units(), sum(len(piece.encode("utf-8", "surrogatepass")) for piece in self.pieces())
        )

    def declares_encoding(self) -> bool:
        """Whether it is XML whose declaration names its encoding, or has no end within some length."""
        head = ""
        for piece in self.pieces():
            head = _SPACES.sub(" ", head + piece)
            if ">" in head or len(head) > _MAX_DECLARATION:
                break
        declaration = _XML_DECLARATION.match(head)
        return declaration is not None and (">" not in head or _ENCODING.search(declaration[1]) is not None)


@dataclass(frozen=True, slots=True)
class BinaryValue:
    """Bytes in hexadecimal digits or base64.

    Halo documents no encoding. A value that starts with `0x` and is not hexadecimal is not base64 either.
    """

    string: JsonString

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes. Raises UnsuitableError."""
        texts = self.string.pieces()
        first = next(texts, "")
        if first[:2].lower() != "0x":
            return _decode_base64(_groups(first, texts, 4))
        if first[1] != "x":
            raise UnsuitableError(Reason.BINARY_ENCODING)
        return _decode_hex(_groups(first[2:], texts, 2))

    def bytes(self) -> int:
        """Count the bytes. Raises UnsuitableError."""
        return sum(map(len, self.pieces()))


def _groups(first: str, texts: Iterator[str], size: int) -> Iterator[tuple[str, bool]]:
    """Yield pieces in multiples of `size` characters but for the last, and whether it is the last."""
    rest = first
    for text in texts:
        whole = len(rest) // size * size
        yield rest[:whole], False
        rest = rest[whole:] + text
    yield rest, True


def _decode_hex(groups: Iterator[tuple[str, bool]]) -> Iterator[bytes]:
    for digits, _ in groups:
        if len(digits) % 2 or _NOT_HEX.search(digits):
            raise UnsuitableError(Reason.BINARY_ENCODING)
        yield bytes.fromhex(digits)


def _decode_base64(groups: Iterator[tuple[str, bool]]) -> Iterator[bytes]:
    for text, is_last in groups:
        try:
            piece = binascii.a2b_base64(text, strict_mode=True) if text else b""
        except ValueError as problem:
            raise UnsuitableError(Reason.BINARY_ENCODING) from problem
        if "=" in text and not (is_last and _is_canonical(text, piece)):
            raise UnsuitableError(Reason.BINARY_ENCODING)
        yield piece


def _is_canonical(text: str, piece: bytes) -> bool:
    """Whether the last group has no bits that the padding cuts off."""
    return binascii.b2a_base64(piece[-(len(piece) % 3) :], newline=False) == text[-4:].encode()
