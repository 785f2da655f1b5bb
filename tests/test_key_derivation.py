"""Keys derived from secrets."""

from support.secrets import OTHER_SECRET, SECRET

from gateway.key_derivation import derive_key


def test_key_depends_on_secret_and_purpose() -> None:
    keys = {
        derive_key(secret, purpose) for secret in (SECRET, OTHER_SECRET) for purpose in ("cache", "callers")
    }
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_replicas_of_any_release_derive_the_same_key() -> None:
    expected = "9ff0f4bc6ec938a4c299381d326e7a8abe04a7b2366b632bea635c168a3c643e"
    assert derive_key(SECRET, "cache").hex() == expected
