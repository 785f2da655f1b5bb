"""Every reason says why and what the client can do."""

import pytest

from gateway.sql.reasons import EXPLANATIONS, Reason, UnsuitableError


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_an_explanation_in_sentences(reason: Reason) -> None:
    assert EXPLANATIONS[reason].endswith(".")
    assert len(EXPLANATIONS[reason]) < 300


def test_the_exception_names_its_reason_only() -> None:
    assert str(UnsuitableError(Reason.SIZE)) == "size"
