"""Page tokens: a client's position in the upstream's pages, encoded and encrypted for a link."""

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
from gateway.key_derivation import derive_key


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """Content of a page link: the client's own search, its times, and a position in its result.

    `query` is the query string of the search as a GET; `received_seconds` and `expires_seconds` are seconds
    since 1970. A token contains patient data, so it leaves the gateway only encrypted.
    """

    path: str
    query: str
    received_seconds: int
    expires_seconds: int
    part: int
    upstream_link: str
    needs_filter: bool
    visited: bytes = b""
    is_backward: bool = False

    @property
    def position(self) -> Position:
        """Position in the result of the search."""
        return Position(
            self.part, self.upstream_link, self.needs_filter, self.visited, is_backward=self.is_backward
        )

    @property
    def received_at(self) -> datetime:
        """Time of the first request of the search."""
        return datetime.fromtimestamp(self.received_seconds, UTC)

    def is_expired(self, now: datetime) -> bool:
        """Whether the lifetime of the link has ended."""
        return now.timestamp() > self.expires_seconds


def page_token_for(
    path: str, query: str, received_at: datetime, expires_at: datetime, position: Position
) -> PageToken:
    """Create the token of a link to a position."""
    times = int(received_at.timestamp()), int(expires_at.timestamp())
    return PageToken(
        path,
        query,
        *times,
        position.part,
        position.upstream_link,
        position.needs_filter,
        position.visited,
        position.is_backward,
    )


#: Size in bytes of a token that a small window compresses as well: the usual one takes 256 kB, whose
#: allocation takes longer than the compression.
_SMALL_BYTES, _SMALL_WINDOW, _SMALL_MEMORY = 2_000, 12, 4
#: Size in bytes of a token that compression makes hardly smaller.
_TINY_BYTES = 128
#: Begin of the format of zlib, and of its only block, which is not compressed (RFC 1950; RFC 1951, 3.2.4).
_STORED = b"\x78\x01\x01"


def encode(token: PageToken) -> bytes:
    """Encode a token as few bytes."""
    data = msgspec.msgpack.encode(token)
    if len(data) <= _TINY_BYTES:
        return _store(data)
    if len(data) > _SMALL_BYTES:
        return zlib.compress(data, 9)
    compressor = zlib.compressobj(9, wbits=_SMALL_WINDOW, memLevel=_SMALL_MEMORY)
    return compressor.compress(data) + compressor.flush()


def _store(data: bytes) -> bytes:
    """Return data in the format of zlib, uncompressed: compression takes longer than the rest of a link."""
    size = len(data)
    lengths = size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
    return b"".join((_STORED, lengths, data, zlib.adler32(data).to_bytes(4)))


def decode(data: bytes) -> PageToken:
    """Decode the bytes of a token. Raises ValueError, also for a token of another gateway version."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=PageToken)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(type(error).__name__) from None


_KEY_ID_BYTES, _NONCE_BYTES = 4, 12


class InvalidTokenError(ValueError):
    """A token that was not encrypted with one of the keys for this associated data."""


class TokenCipher:
    """AES-256-GCM: the first key encrypts, all keys decrypt, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        secrets = [derive_key(key, "page links") for key in keys]
        self._ciphers = {
            hashlib.sha256(secret).digest()[:_KEY_ID_BYTES]: AESGCM(secret) for secret in secrets
        }
        self._first_key_id = next(iter(self._ciphers))

    def encrypt(self, data: bytes, associated_data: bytes) -> str:
        """Encrypt data as a URL-safe token, valid only with the same associated data."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._first_key_id].encrypt(nonce, data, associated_data)
        return urlsafe_b64encode(self._first_key_id + nonce + ciphertext).rstrip(b"=").decode()

    def decrypt(self, token: str, associated_data: bytes) -> bytes:
        """Decrypt a token. Raises InvalidTokenError."""
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
