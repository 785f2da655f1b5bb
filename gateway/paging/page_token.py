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


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """What a page link remembers: the client's own search, when it was asked, and a position in its answer.

    `asked` is the query string of the search as GET states it, `received` and `expires` are seconds since
    1970. It is about patients, so it only leaves the gateway sealed.
    """

    path: str
    query: str
    received_seconds: int
    expires_seconds: int
    part: int
    upstream_link: str
    needs_filter: bool

    @property
    def position(self) -> Position:
        """The place in the answer."""
        return Position(self.part, self.upstream_link, self.needs_filter)

    @property
    def received_at(self) -> datetime:
        """When the search was first asked."""
        return datetime.fromtimestamp(self.received_seconds, UTC)

    def is_expired(self, now: datetime) -> bool:
        """Whether the link's time is over."""
        return now.timestamp() > self.expires_seconds


def page_token_for(
    path: str, query: str, received_at: datetime, expires_at: datetime, position: Position
) -> PageToken:
    """What a link to this position remembers."""
    times = int(received_at.timestamp()), int(expires_at.timestamp())
    return PageToken(path, query, *times, position.part, position.upstream_link, position.needs_filter)


def encode(token: PageToken) -> bytes:
    """The page as few bytes."""
    return zlib.compress(msgspec.msgpack.encode(token), 9)


def decode(data: bytes) -> PageToken:
    """The page of what `packed` gave. Raises ValueError, as for one that another version made."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=PageToken)
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise ValueError(type(problem).__name__) from None


_KEY_ID_BYTES, _NONCE_BYTES = 4, 12


class InvalidTokenError(ValueError):
    """Not sealed by one of these keys for this binding."""


class TokenCipher:
    """AES-256-GCM under the first key; any of the keys opens, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        secrets = [hashlib.sha256(b"halo-gateway page\0" + key.encode()).digest() for key in keys]
        self._ciphers = {
            hashlib.sha256(secret).digest()[:_KEY_ID_BYTES]: AESGCM(secret) for secret in secrets
        }
        self._first = next(iter(self._ciphers))

    def encrypt(self, data: bytes, associated_data: bytes) -> str:
        """A URL-safe token of the data, of use only with the same binding."""
        nonce = os.urandom(_NONCE_BYTES)
        box = self._ciphers[self._first].encrypt(nonce, data, associated_data)
        return urlsafe_b64encode(self._first + nonce + box).rstrip(b"=").decode()

    def decrypt(self, token: str, associated_data: bytes) -> bytes:
        """The data of a token. Raises BrokenSealError."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            cipher = self._ciphers[raw[:_KEY_ID_BYTES]]
            return cipher.decrypt(
                raw[_KEY_ID_BYTES : _KEY_ID_BYTES + _NONCE_BYTES],
                raw[_KEY_ID_BYTES + _NONCE_BYTES :],
                associated_data,
            )
        except (ValueError, KeyError, InvalidTag):
            raise InvalidTokenError from None
