"""Where a client stands in the upstream's pages, and what a link to that place must remember."""

import hashlib
import os
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.exchange import Position


class Page(msgspec.Struct, frozen=True, array_like=True):
    """What a page link remembers: the client's own search, when it was asked, and a position in its answer.

    `asked` is the query string of the search as GET states it, `received` and `expires` are seconds since
    1970. It is about patients, so it only leaves the gateway sealed.
    """

    path: str
    asked: str
    received: int
    expires: int
    part: int
    rest: str
    unfiltered: bool

    @property
    def position(self) -> Position:
        """The place in the answer."""
        return Position(self.part, self.rest, self.unfiltered)

    @property
    def received_at(self) -> datetime:
        """When the search was first asked."""
        return datetime.fromtimestamp(self.received, UTC)

    def expired(self, now: datetime) -> bool:
        """Whether the link's time is over."""
        return now.timestamp() > self.expires


def page(path: str, asked: str, received: datetime, expires: datetime, position: Position) -> Page:
    """What a link to this position remembers."""
    times = int(received.timestamp()), int(expires.timestamp())
    return Page(path, asked, *times, position.part, position.rest, position.unfiltered)


def packed(page: Page) -> bytes:
    """The page as few bytes."""
    return zlib.compress(msgspec.msgpack.encode(page), 9)


def unpacked(data: bytes) -> Page:
    """The page of what `packed` gave. Raises ValueError, as for one that another version made."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=Page)
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise ValueError(type(problem).__name__) from None


_ID, _NONCE = 4, 12


class BrokenSealError(ValueError):
    """Not sealed by one of these keys for this binding."""


class Seal:
    """AES-256-GCM under the first key; any of the keys opens, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        secrets = [hashlib.sha256(b"halo-gateway page\0" + key.encode()).digest() for key in keys]
        self._ciphers = {hashlib.sha256(secret).digest()[:_ID]: AESGCM(secret) for secret in secrets}
        self._first = next(iter(self._ciphers))

    def sealed(self, data: bytes, binding: bytes) -> str:
        """A URL-safe token of the data, of use only with the same binding."""
        nonce = os.urandom(_NONCE)
        box = self._ciphers[self._first].encrypt(nonce, data, binding)
        return urlsafe_b64encode(self._first + nonce + box).rstrip(b"=").decode()

    def opened(self, token: str, binding: bytes) -> bytes:
        """The data of a token. Raises BrokenSealError."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            cipher = self._ciphers[raw[:_ID]]
            return cipher.decrypt(raw[_ID : _ID + _NONCE], raw[_ID + _NONCE :], binding)
        except (ValueError, KeyError, InvalidTag):
            raise BrokenSealError from None
