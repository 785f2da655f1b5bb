"""Text as SQL Server counts it: a string of UTF-16 units, one character each."""

import re
from typing import Final

_SUPPLEMENTARY: Final = re.compile("[\U00010000-\U0010ffff]")


def split_surrogates(text: str) -> str:
    """Return the text with each supplementary character as two surrogates."""
    return _SUPPLEMENTARY.sub(_surrogates, text)


def _surrogates(match: re.Match[str]) -> str:
    offset = ord(match[0]) - 0x10000
    return chr(0xD800 + (offset >> 10)) + chr(0xDC00 + (offset & 0x3FF))


def join_surrogates(units: str) -> str:
    """Return the units as Unicode text; a lone surrogate stays one."""
    if units.isascii():
        return units
    return to_bytes(units).decode("utf-16-le", "surrogatepass")


def to_bytes(units: str) -> bytes:
    """Return the units as UTF-16-LE."""
    return units.encode("utf-16-le", "surrogatepass")


def from_bytes(data: bytes) -> str:
    """Read UTF-16-LE; an odd last byte is completed with a zero byte, as a cast does."""
    whole = data + b"\0" * (len(data) % 2)
    return split_surrogates(whole.decode("utf-16-le", "surrogatepass"))
