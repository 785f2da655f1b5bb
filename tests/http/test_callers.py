import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.callers import fingerprint, is_background, keyed_fingerprint, ledger_label

KEY = ("ocp-apim-subscription-key", "demo-key")


def test_a_caller_is_eight_digits_that_do_not_hold_the_key() -> None:
    alias = ledger_label((KEY,))
    assert len(alias) == 8
    assert int(alias, 16) >= 0
    assert alias != ledger_label((("ocp-apim-subscription-key", "demo-kez"),))
    assert ledger_label((("accept", "application/json"),)) == ""


def test_a_desktop_callers_alias_outlives_its_token() -> None:
    device = ("deviceid", "d-1")
    tokens = [("authorization", f"Bearer {each}") for each in "ab"]
    assert ledger_label((tokens[0], device)) == ledger_label((tokens[1], device))
    assert ledger_label((tokens[0],)) != ledger_label((tokens[1],))


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_headers_are_never_taken_for_one(key: str, device: str) -> None:
    both = ledger_label((("ocp-apim-subscription-key", key), ("deviceid", device)))
    assert both != ledger_label((("ocp-apim-subscription-key", key + device),))


@pytest.mark.parametrize(
    ("value", "batch"), [("u=7", True), ("u=7, i", True), ("i, u=7", True), ("u=3", False), ("u=77", False)]
)
def test_priority_u7_is_background(value: str, batch: bool) -> None:
    assert is_background((KEY, ("priority", value))) is batch


def test_identity_is_the_whole_credential_and_nothing_else() -> None:
    token, device = ("authorization", "Bearer a"), ("deviceid", "d-1")
    caller = fingerprint((token, device))
    assert caller == fingerprint((device, ("user-agent", "x"), token))
    assert caller != fingerprint((("authorization", "Bearer b"), device))
    assert caller != fingerprint((token, ("deviceid", "d-2")))
    assert fingerprint((KEY,)) != fingerprint(())


def test_keyed_identity_follows_the_fingerprint_and_the_secret() -> None:
    assert keyed_fingerprint((KEY,), b"a") == keyed_fingerprint((("accept", "x"), KEY), b"a")
    assert keyed_fingerprint((KEY,), b"a") != keyed_fingerprint((KEY,), b"b")
    assert keyed_fingerprint((("accept", "x"),), b"a") == ""
