"""Seals what a page link must remember, so that a URL shows nothing and nobody can forge or swap it."""

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
