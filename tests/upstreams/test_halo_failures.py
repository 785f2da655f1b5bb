"""Write outcomes of Halo's failure kinds."""

import pytest

from gateway.errors.failure import FailureKind
from gateway.upstreams import halo_failures


@pytest.mark.parametrize(
    "kind", [halo_failures.OFFLINE, halo_failures.UNREACHABLE, halo_failures.DATABASE_DOWN]
)
def test_query_that_did_not_reach_database_has_not_run(kind: FailureKind) -> None:
    assert not kind.may_have_run
    assert not kind.write_outcome_unknown


@pytest.mark.parametrize(
    "kind", [halo_failures.RESULT_LOST, halo_failures.QUERY_TIMEOUT, halo_failures.CONNECTION_LOST]
)
def test_query_that_may_have_run_has_unknown_write_outcome(kind: FailureKind) -> None:
    assert kind.write_outcome_unknown
