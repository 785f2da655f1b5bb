"""Keys for encryption and hashing, derived from the configured secrets by HKDF (RFC 5869)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32


def derive_key(secret: str, purpose: str) -> bytes:
    """Return the key of 32 bytes for one purpose; keys of different purposes are independent."""
    hkdf = HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"halo-gateway {purpose}".encode())
    return hkdf.derive(secret.encode())
