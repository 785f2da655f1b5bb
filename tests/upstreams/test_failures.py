"""Texts, advice and waits of failure kinds."""

import pytest

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures, halo_failures
from gateway.web.error_codes import all_kinds

_KINDS = [
    value
    for module in (failures, halo_failures)
    for value in vars(module).values()
    if isinstance(value, FailureKind)
]


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.code)
def test_repeatable_kind_has_a_wait(kind: FailureKind) -> None:
    assert (kind.retry_advice is RetryAdvice.YES) <= (kind.retry_after is not None)


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.code)
def test_kind_that_needs_a_fix_has_no_wait(kind: FailureKind) -> None:
    assert (kind.retry_advice is RetryAdvice.AFTER_FIX) <= (kind.retry_after is None)


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.code)
def test_texts_give_advice(kind: FailureKind) -> None:
    assert kind.text.count(". ") + kind.text.count(", ") + kind.text.count(";") >= 1


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.code)
def test_kinds_with_429_and_503_have_a_wait(kind: FailureKind) -> None:
    assert (kind.status in {429, 503}) <= (kind.retry_after is not None)
