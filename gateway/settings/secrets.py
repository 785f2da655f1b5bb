"""Value types of secrets: encryption keys, the token of /admin, and what is shared with another party."""

import re
from base64 import b64decode, urlsafe_b64decode
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

_MIN_BYTES: Final = 32
#: Fewer different bytes are no random ones: of 32, less than one in 10^12 has so few.
_MIN_DISTINCT_BYTES: Final = 16
#: Keys beyond this number are forgotten, not in rotation.
_MAX_KEYS: Final = 10
#: A secret that another party may have made: its form is not known, so that only its length is checked.
_MIN_SHARED_CHARACTERS: Final = 16
_MAX_SHARED_CHARACTERS: Final = 500
_MIN_DISTINCT_CHARACTERS: Final = 8
#: Form of a secret of Standard Webhooks (https://www.standardwebhooks.com).
WEBHOOK_KEY_PREFIX: Final = "whsec_"
_MIN_WEBHOOK_BYTES, _MAX_WEBHOOK_BYTES = 24, 64
_HOW_TO_MAKE_WEBHOOK_KEY: Final = (
    "must be whsec_ and 24 to 64 random bytes in base64; make them with: openssl rand -base64 32"
)
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_HOW_TO_MAKE: Final = (
    "must be at least 32 random bytes in base64 or hexadecimal; make them with: openssl rand -base64 32"
)


def _check_secret(secret: SecretStr) -> SecretStr:
    """Return the secret without space around it, such as the line end of a file.

    Raises ValueError if it can be guessed: too short, or obviously not random.
    """
    text = secret.get_secret_value().strip()
    content = _decode(text)
    if len(content) < _MIN_BYTES or len(set(content)) < _MIN_DISTINCT_BYTES:
        raise ValueError(_HOW_TO_MAKE)
    return SecretStr(text)


def _check_shared_secret(secret: SecretStr) -> SecretStr:
    """Return the secret without space around it. Raises ValueError if it is too short or obviously weak."""
    text = secret.get_secret_value().strip()
    if not _MIN_SHARED_CHARACTERS <= len(text) <= _MAX_SHARED_CHARACTERS or not text.isprintable():
        raise ValueError(f"must be {_MIN_SHARED_CHARACTERS} to {_MAX_SHARED_CHARACTERS} printable characters")
    if len(set(text)) < _MIN_DISTINCT_CHARACTERS:
        raise ValueError("can be guessed: it consists of few different characters")
    return SecretStr(text)


def _check_webhook_secret(secret: SecretStr) -> SecretStr:
    """Return the secret without space around it. Raises ValueError if it is not as Standard Webhooks says."""
    text = secret.get_secret_value().strip()
    encoded = text.removeprefix(WEBHOOK_KEY_PREFIX)
    try:
        content = b64decode(encoded, validate=True)
    except ValueError:
        content = b""
    if encoded == text or not _MIN_WEBHOOK_BYTES <= len(content) <= _MAX_WEBHOOK_BYTES:
        raise ValueError(_HOW_TO_MAKE_WEBHOOK_KEY)
    if len(set(content)) < _MIN_DISTINCT_CHARACTERS:
        raise ValueError("can be guessed: it consists of few different bytes")
    return SecretStr(text)


def _decode(text: str) -> bytes:
    """Return the bytes that a text encodes; none if it is neither hexadecimal nor base64."""
    if _HEXADECIMAL.fullmatch(text):
        return bytes.fromhex(text)
    digits = text.translate(str.maketrans("+/", "-_")).rstrip("=")
    if not _BASE64.fullmatch(text) or len(digits) % 4 == 1:
        return b""
    return urlsafe_b64decode(digits + "=" * (-len(digits) % 4))


def _check_distinct(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len(set(secrets)) < len(secrets):
        raise ValueError("contains the same secret twice, remove one")
    return secrets


Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
#: The first encrypts, all decrypt.
RotatingKeys = Annotated[tuple[Secret, ...], Field(max_length=_MAX_KEYS), AfterValidator(_check_distinct)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_check_webhook_secret)]
SharedSecret = Annotated[SecretStr, AfterValidator(_check_shared_secret)]
#: Any may have signed.
SharedSecrets = Annotated[
    tuple[SharedSecret, ...], Field(max_length=_MAX_KEYS), AfterValidator(_check_distinct)
]
