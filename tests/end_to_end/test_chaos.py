"""Half an hour of everything going wrong, in a few minutes: docs/resilience.md says how, and what came of it.

CHAOS_SECONDS, CHAOS_FACTOR and CHAOS_SEED make it longer, slower or another one.
"""

import asyncio
import os
from time import sleep

import pytest
from end_to_end.chaos_figures import figures
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_run import run
from end_to_end.chaos_world import world

PLAN = Plan(
    int(os.environ.get("CHAOS_SEED", "7")),
    float(os.environ.get("CHAOS_SECONDS", "20")),
    float(os.environ.get("CHAOS_FACTOR", "60")),
)


@pytest.mark.timeout(PLAN.seconds * 3 + 300)
def test_half_an_hour_of_chaos_loses_nothing_and_tells_nobody_wrong() -> None:
    with world(PLAN) as running:
        ran = asyncio.run(run(running, PLAN))
        sleep(1)
        assert [each.stop() for each in running.replicas] == [0, 0]
        found = figures(running, PLAN, ran)
        print(*found.lines, sep="\n")
        assert not found.wrong, f"CHAOS_SEED={PLAN.seed}: {found.wrong}"
