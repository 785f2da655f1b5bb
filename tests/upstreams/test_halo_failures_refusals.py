import pytest

from gateway.errors.failure import Kind
from gateway.upstreams.halo_failures import (
    DEVELOPER_LICENCE,
    IP_BLOCKED,
    NOT_AUTHORISED,
    NOT_AUTHORITATIVE,
    OPERATION_UNKNOWN,
    OWN_IP_BLOCKED,
    QUOTA,
    REQUEST_INCOMPLETE,
    REQUEST_REFUSED,
    SITE_UNKNOWN,
)

#: What Halo Cloud refuses before it reaches a practice.
_REFUSALS = [
    DEVELOPER_LICENCE,
    IP_BLOCKED,
    NOT_AUTHORISED,
    NOT_AUTHORITATIVE,
    OPERATION_UNKNOWN,
    OWN_IP_BLOCKED,
    QUOTA,
    REQUEST_INCOMPLETE,
    REQUEST_REFUSED,
    SITE_UNKNOWN,
]


@pytest.mark.parametrize("kind", _REFUSALS, ids=lambda kind: kind.code)
def test_a_refusal_leaves_no_change_open(kind: Kind) -> None:
    assert not kind.leaves_writes_open
