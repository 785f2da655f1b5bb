"""Signature and time of a webhook."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.signature import is_recent, is_signed, parse_timestamp, signature_of

SECRET, OLD_SECRET = "synthetic secret of Halo", "an older synthetic secret"
BODY = b'{"id": "e-1", "siteId": "0a1b2c3d-0000-4000-8000-00000000000a"}'
TIMESTAMP = "1782000000"
SIGNATURE = signature_of(SECRET, BODY, TIMESTAMP)


def test_signature_is_that_of_the_documentation() -> None:
    expected = hmac.new(SECRET.encode(), BODY + b"." + TIMESTAMP.encode(), hashlib.sha256).hexdigest()
    assert expected == SIGNATURE == SIGNATURE.lower()


def test_signature_agrees_with_a_known_value() -> None:
    """From `printf '{}.1782000000' | openssl dgst -sha256 -hmac key`."""
    expected = "948af448c1fd8959bd4d9943d63722017b4ba96c35f2550441e27d4cc811ead6"
    assert signature_of("key", b"{}", TIMESTAMP) == expected


def test_each_of_several_secrets_may_have_signed() -> None:
    for secret in (SECRET, OLD_SECRET):
        signature = signature_of(secret, BODY, TIMESTAMP)
        assert is_signed([SECRET, OLD_SECRET], BODY, TIMESTAMP, signature)
    assert not is_signed([OLD_SECRET], BODY, TIMESTAMP, SIGNATURE)
    assert not is_signed([], BODY, TIMESTAMP, SIGNATURE)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_changed_byte_of_the_body_is_refused(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    assert not is_signed([SECRET], bytes(changed), TIMESTAMP, SIGNATURE)


@given(st.integers(0, len(TIMESTAMP) - 1), st.integers(0x20, 0x7E))
def test_changed_character_of_the_timestamp_is_refused(place: int, character: int) -> None:
    changed = TIMESTAMP[:place] + chr(character) + TIMESTAMP[place + 1 :]
    assert is_signed([SECRET], BODY, changed, SIGNATURE) is (changed == TIMESTAMP)


@given(st.integers(0, len(SIGNATURE) - 1), st.integers(0x20, 0x7E))
def test_changed_character_of_the_signature_is_refused(place: int, character: int) -> None:
    changed = SIGNATURE[:place] + chr(character) + SIGNATURE[place + 1 :]
    assert is_signed([SECRET], BODY, TIMESTAMP, changed) is (changed == SIGNATURE)


@given(st.binary(max_size=40), st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=40))
def test_made_up_signature_is_refused(body: bytes, signature: str) -> None:
    assert not is_signed([SECRET], body, TIMESTAMP, signature)


@pytest.mark.parametrize(
    "signature",
    ["", SIGNATURE.upper(), SIGNATURE[:-1], f"{SIGNATURE}0", f"sha256={SIGNATURE}", f" {SIGNATURE}"],
)
def test_other_form_of_the_signature_is_refused(signature: str) -> None:
    assert not is_signed([SECRET], BODY, TIMESTAMP, signature)


def test_byte_cannot_move_from_body_to_timestamp() -> None:
    signature = signature_of(SECRET, b"a.1", "2")
    assert is_signed([SECRET], b"a.1", "2", signature)
    assert is_signed([SECRET], b"a", "1.2", signature)  # the scheme's own weakness:
    assert not is_recent("1.2", 1.2, 300)  # such a time is none


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1782000000", 1_782_000_000),
        ("1782000000.25", 1_782_000_000.25),
        ("1782000000250", 1_782_000_000.25),
        ("2026-06-21T00:00:00Z", 1_782_000_000),
        ("2026-06-21T10:00:00+10:00", 1_782_000_000),
        ("2026-06-21T00:00:00.2500000Z", 1_782_000_000.25),
        ("2026-06-21T00:00:00", None),
        ("2026-06-21", None),
        ("", None),
        ("0", None),
        ("-1782000000", None),
        ("1782000000 ", None),
        ("١٧٨٢٠٠٠٠٠٠", None),
        ("1782000000250000", None),
        ("2026-13-21T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
    ],
)
def test_timestamp_is_read_in_three_forms(text: str, seconds: float | None) -> None:
    found = parse_timestamp(text)
    assert found == seconds or (found is not None and found < 0)


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, True), (300, True), (-300, True), (301, False), (-301, False), (1e9, False)]
)
def test_age_counts_in_both_directions(offset: float, expected: bool) -> None:
    assert is_recent(TIMESTAMP, int(TIMESTAMP) + offset, 300) is expected
    assert is_recent(f"{TIMESTAMP}000", int(TIMESTAMP) + offset, 300) is expected


@given(st.text(max_size=60))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert parse_timestamp(text) is None or text[0].isascii()
