"""Write outcomes of Halo's refusals."""

import pytest

from gateway.errors.failure import FailureKind
from gateway.upstreams.halo_failures import (
    DEVELOPER_LICENCE,
    GATEWAY_IP_BLOCKED,
    IP_BLOCKED,
    NOT_AUTHORISED,
    NOT_AUTHORITATIVE,
    OPERATION_UNKNOWN,
    QUOTA_EXHAUSTED,
    REQUEST_INCOMPLETE,
    REQUEST_REFUSED,
    SITE_UNKNOWN,
)

#: Refusals of Halo Cloud before a request reaches a practice.
_REFUSALS = [
    DEVELOPER_LICENCE,
    IP_BLOCKED,
    NOT_AUTHORISED,
    NOT_AUTHORITATIVE,
    OPERATION_UNKNOWN,
    GATEWAY_IP_BLOCKED,
    QUOTA_EXHAUSTED,
    REQUEST_INCOMPLETE,
    REQUEST_REFUSED,
    SITE_UNKNOWN,
]


@pytest.mark.parametrize("kind", _REFUSALS, ids=lambda kind: kind.code)
def test_refusal_has_no_unknown_write_outcome(kind: FailureKind) -> None:
    assert not kind.write_outcome_unknown
