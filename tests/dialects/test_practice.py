import pytest

from gateway.core.failure import Kind
from gateway.dialects import practice


@pytest.mark.parametrize("kind", [practice.OFFLINE, practice.UNREACHABLE, practice.DATABASE_DOWN])
def test_a_query_that_never_reached_the_database_was_not_run(kind: Kind) -> None:
    assert not kind.sent
    assert not kind.leaves_writes_open


@pytest.mark.parametrize("kind", [practice.RESULT_LOST, practice.QUERY_TIMEOUT, practice.CONNECTION_LOST])
def test_a_query_that_may_have_run_leaves_a_change_open(kind: Kind) -> None:
    assert kind.leaves_writes_open
