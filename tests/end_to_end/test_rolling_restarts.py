"""Replicas restarted one after the other under load with writes: nothing lost, nothing executed twice.

ROLLING_REQUESTS=5000 (`make rolling`) sends as many requests through each balancer, at more distances.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from end_to_end.rolling_restarts import (
    CHECK_SECONDS,
    ClientPool,
    Executions,
    Load,
    Replica,
    checked_kit,
    noticing_kit,
    restart_in_turn,
    running_replicas,
)
from support.nginx_kit import CONFIGS
from support.programs import require_program

REQUESTS = int(os.environ.get("ROLLING_REQUESTS", "0"))
#: Seconds between the start of one replica and the end of the next, all above the health check's interval:
#: nginx counts `fail_timeout` in whole seconds, so that one second may last two.
DISTANCES = (CHECK_SECONDS + 1.2, 3.0, 6.0) if REQUESTS else (CHECK_SECONDS + 1.2,)


@contextmanager
def running_loads(folder: Path, replicas: list[Replica]) -> Iterator[dict[str, Load]]:
    """Clients of all balancers at once: each has its own way to notice that a replica ends."""
    with ExitStack() as stack:
        loads = {
            f"{name} notices failures itself": Load(
                stack.enter_context(noticing_kit(folder / name, replicas, config))
            )
            for name, config in CONFIGS.items()
        }
        checked = stack.enter_context(checked_kit(folder / "checked", replicas))
        pool = stack.enter_context(closing(ClientPool(replicas)))
        loads |= {"a checker asks /readyz": Load(checked), "a client keeps connections": Load(pool)}
        for number, load in enumerate(loads.values()):
            stack.enter_context(load.running(f"r-{number}"))
        yield loads
        assert pool.refused > 0
        assert pool.reused > 0


@pytest.mark.timeout(1_800 if REQUESTS else 120)
@pytest.mark.parametrize(
    ("workers", "drain_delay"), [(1, 0), (1, 2), (2, 0), (2, 2)] if REQUESTS else [(2, 2)]
)
def test_rolling_restart_loses_nothing(tmp_path: Path, workers: int, drain_delay: int) -> None:
    require_program("nginx")
    with (
        running_replicas(tmp_path, workers, drain_delay) as (executions, replicas),
        running_loads(tmp_path, replicas) as loads,
    ):
        restarts = restart_in_turn(list(loads.values()), replicas, DISTANCES, REQUESTS)
    print(f"\n{workers} process(es) each, drain_delay {drain_delay}, {restarts} restarts")
    for name, load in loads.items():
        print(f"  {name}: {len(load.sent)} requests, {len(load.changed)} changes; lost {len(load.lost)}")
    check_executions(loads, executions)


def check_executions(loads: dict[str, Load], executions: Executions) -> None:
    """Assert that each request was answered, and executed once at most, and each change once."""
    assert {name: load.lost for name, load in loads.items() if load.lost} == {}
    assert {executions.counts[identifier] for load in loads.values() for identifier in load.changed} == {1}
    assert set(executions.counts.values()) == {1}
    assert all(len(load.sent) >= max(REQUESTS, 100) for load in loads.values())
