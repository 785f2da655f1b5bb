import pytest

from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.upstreams import failures, halo_failures
from gateway.web.error_codes import all_kinds

_ALL = [
    each
    for module in (failures, halo_failures)
    for each in vars(module).values()
    if isinstance(each, FailureKind)
]


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.code)
def test_what_may_be_repeated_later_says_when(kind: FailureKind) -> None:
    assert (kind.retry_advice is RetryAdvice.YES) <= (kind.retry_after is not None)


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.code)
def test_what_needs_a_person_is_not_repeated(kind: FailureKind) -> None:
    assert (kind.retry_advice is RetryAdvice.AFTER_FIX) <= (kind.retry_after is None)


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.code)
def test_texts_say_more_than_what_happened(kind: FailureKind) -> None:
    assert kind.text.count(". ") + kind.text.count(", ") + kind.text.count(";") >= 1


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.code)
def test_every_429_and_503_says_when_to_come_back(kind: FailureKind) -> None:
    assert (kind.status in {429, 503}) <= (kind.retry_after is not None)
