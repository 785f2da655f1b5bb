import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.callers import is_background, ledger_label

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
