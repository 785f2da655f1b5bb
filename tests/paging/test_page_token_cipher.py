import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.paging.page_token import InvalidTokenError, TokenCipher

SEAL = TokenCipher(["one"])


def test_every_replica_with_the_same_key_opens_what_another_sealed() -> None:
    assert TokenCipher(["one"]).decrypt(SEAL.encrypt(b"data", b"me"), b"me") == b"data"


def test_keys_rotate_the_first_seals_and_all_open() -> None:
    rotated = TokenCipher(["two", "one"])
    assert rotated.decrypt(SEAL.encrypt(b"data", b"me"), b"me") == b"data"
    with pytest.raises(InvalidTokenError):
        SEAL.decrypt(rotated.encrypt(b"data", b"me"), b"me")
    with pytest.raises(InvalidTokenError):
        TokenCipher(["two"]).decrypt(SEAL.encrypt(b"data", b"me"), b"me")


def test_a_token_is_of_use_to_whom_it_was_given_only() -> None:
    with pytest.raises(InvalidTokenError):
        SEAL.decrypt(SEAL.encrypt(b"data", b"me"), b"you")


def test_a_token_shows_nothing_and_is_never_the_same_twice() -> None:
    tokens = {SEAL.encrypt(b"Zzyzx", b"") for _ in range(20)}
    assert len(tokens) == 20
    assert not any("Zzyzx" in token for token in tokens)


@given(st.integers(0, 45), st.integers(1, 255))
def test_one_changed_byte_breaks_the_seal(place: int, change: int) -> None:
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    raw = bytearray(urlsafe_b64decode(SEAL.encrypt(b"0123456789abcde", b"me") + "="))
    raw[place % len(raw)] ^= change
    with pytest.raises(InvalidTokenError):
        SEAL.decrypt(urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode(), b"me")


@given(st.text(max_size=80))
def test_any_other_text_is_no_token(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        SEAL.decrypt(text, b"me")
