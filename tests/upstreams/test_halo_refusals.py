import pytest

from gateway.errors.failure import Kind
from gateway.upstreams import halo_refusals

_ALL = [each for each in vars(halo_refusals).values() if isinstance(each, Kind)]


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.code)
def test_a_refusal_leaves_no_change_open(kind: Kind) -> None:
    assert not kind.leaves_writes_open
