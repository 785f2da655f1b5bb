"""Encryption of page tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.paging.page_token import InvalidTokenError, TokenCipher

CIPHER = TokenCipher(["one"])


def test_token_is_decrypted_by_replica_with_same_key() -> None:
    assert TokenCipher(["one"]).decrypt(CIPHER.encrypt(b"data", b"me"), b"me") == b"data"


def test_first_key_encrypts_and_all_keys_decrypt() -> None:
    rotated = TokenCipher(["two", "one"])
    assert rotated.decrypt(CIPHER.encrypt(b"data", b"me"), b"me") == b"data"
    with pytest.raises(InvalidTokenError):
        CIPHER.decrypt(rotated.encrypt(b"data", b"me"), b"me")
    with pytest.raises(InvalidTokenError):
        TokenCipher(["two"]).decrypt(CIPHER.encrypt(b"data", b"me"), b"me")


def test_token_is_invalid_with_other_associated_data() -> None:
    with pytest.raises(InvalidTokenError):
        CIPHER.decrypt(CIPHER.encrypt(b"data", b"me"), b"you")


def test_token_is_unreadable_and_unique() -> None:
    tokens = {CIPHER.encrypt(b"Zzyzx", b"") for _ in range(20)}
    assert len(tokens) == 20
    assert not any("Zzyzx" in token for token in tokens)


@given(st.integers(0, 45), st.integers(1, 255))
def test_token_with_changed_byte_is_invalid(index: int, change: int) -> None:
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    raw = bytearray(urlsafe_b64decode(CIPHER.encrypt(b"0123456789abcde", b"me") + "="))
    raw[index % len(raw)] ^= change
    with pytest.raises(InvalidTokenError):
        CIPHER.decrypt(urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode(), b"me")


@given(st.text(max_size=80))
def test_other_text_is_an_invalid_token(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        CIPHER.decrypt(text, b"me")
