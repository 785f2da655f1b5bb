"""Half an hour of faults in a few minutes; docs/resilience.md describes the test and its results.

CHAOS_SECONDS, CHAOS_FACTOR and CHAOS_SEED set length, speed and seed.
"""

import asyncio
import os

import pytest
from end_to_end.chaos_figures import report_run
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_run import run
from end_to_end.chaos_world import run_world

PLAN = Plan(
    int(os.environ.get("CHAOS_SEED", "7")),
    float(os.environ.get("CHAOS_SECONDS", "20")),
    float(os.environ.get("CHAOS_FACTOR", "60")),
)


@pytest.mark.alone
@pytest.mark.anyio
@pytest.mark.timeout(PLAN.seconds * 3 + 300)
async def test_chaos_loses_nothing_and_has_no_wrong_response() -> None:
    with run_world(PLAN) as world:
        result = await run(world, PLAN)
        await asyncio.sleep(1)
        assert [replica.stop() for replica in world.replicas] == [0, 0]
        report = report_run(world, PLAN, result)
        print(*report.lines, *(f"error: {line}" for line in report.errors), sep="\n")
        assert not report.errors, f"CHAOS_SEED={PLAN.seed}: {report.errors}"
