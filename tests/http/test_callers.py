"""Identity of callers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http import callers
from gateway.http.callers import fingerprint, is_background, keyed_fingerprint, ledger_label

KEY = ("ocp-apim-subscription-key", "demo-key")


def test_ledger_label_is_eight_hex_digits() -> None:
    label = ledger_label((KEY,))
    assert len(label) == 8
    assert int(label, 16) >= 0
    assert label != ledger_label((("ocp-apim-subscription-key", "demo-kez"),))
    assert ledger_label((("accept", "application/json"),)) == ""


def test_ledger_label_does_not_change_with_desktop_token() -> None:
    device = ("deviceid", "d-1")
    tokens = [("authorization", f"Bearer {token}") for token in "ab"]
    assert ledger_label((tokens[0], device)) == ledger_label((tokens[1], device))
    assert ledger_label((tokens[0],)) != ledger_label((tokens[1],))


@given(st.text(min_size=1), st.text(min_size=1))
def test_label_of_two_headers_differs_from_joined_header(key: str, device: str) -> None:
    both = ledger_label((("ocp-apim-subscription-key", key), ("deviceid", device)))
    assert both != ledger_label((("ocp-apim-subscription-key", key + device),))


@pytest.mark.parametrize(
    ("value", "background"),
    [("u=7", True), ("u=7, i", True), ("i, u=7", True), ("u=3", False), ("u=77", False)],
)
def test_priority_u7_is_background(value: str, background: bool) -> None:
    assert is_background((KEY, ("priority", value))) is background


def test_fingerprint_depends_on_whole_credential_only() -> None:
    token, device = ("authorization", "Bearer a"), ("deviceid", "d-1")
    caller = fingerprint((token, device))
    assert caller == fingerprint((device, ("user-agent", "x"), token))
    assert caller != fingerprint((("authorization", "Bearer b"), device))
    assert caller != fingerprint((token, ("deviceid", "d-2")))
    assert fingerprint((KEY,)) != fingerprint(())


def test_keyed_fingerprint_depends_on_credential_and_secret() -> None:
    assert keyed_fingerprint((KEY,), b"a") == keyed_fingerprint((("accept", "x"), KEY), b"a")
    assert keyed_fingerprint((KEY,), b"a") != keyed_fingerprint((KEY,), b"b")
    assert keyed_fingerprint((("accept", "x"),), b"a") == ""


def test_spellings_of_one_credential_are_one_caller() -> None:
    spellings = ["Bearer a", "bearer a", "BEARER   a", "Bearer a "]
    assert len({fingerprint((("authorization", each),)) for each in spellings}) == 1
    others = ["Bearer A", "Basic a", "a", "Bearer", "Digest a", "digest a", "Bearera"]
    assert len({fingerprint((("authorization", each),)) for each in (*others, "Bearer a")}) == 8
    keys = {fingerprint((("ocp-apim-subscription-key", each),)) for each in ("bearer a", "Bearer a")}
    assert len(keys) == 2


def test_long_credentials_are_not_kept_in_memory() -> None:
    before = callers._kept_identity.cache_info().currsize
    tokens = [(("authorization", f"Bearer {number}{'x' * 4_096}"),) for number in range(3)]
    assert len({fingerprint(token) for token in tokens}) == 3
    assert callers._kept_identity.cache_info().currsize == before


def test_number_of_kept_identities_is_limited() -> None:
    for number in range(1_100):
        fingerprint((("ocp-apim-subscription-key", f"key-{number}"),))
    assert callers._kept_identity.cache_info().currsize == 1_000


def test_last_identity_is_not_that_of_the_next_caller() -> None:
    first, second = (KEY,), (("ocp-apim-subscription-key", "other-key"),)
    alone = [fingerprint(headers) for headers in (first, second)]
    assert [fingerprint(headers) for headers in (first, first, second, first)] == [
        alone[0],
        alone[0],
        alone[1],
        alone[0],
    ]
    assert alone[0] != alone[1]
