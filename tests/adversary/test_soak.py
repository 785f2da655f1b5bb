"""A soak: attackers of every kind beside honest clients, who must not notice (docs/resilience.md).

SOAK_SECONDS sets its length; percentiles are judged from 100 s on.
"""

import os
import sys

import pytest
from adversary.soak_figures import report_soak
from adversary.soak_run import run_processes, run_soak
from end_to_end.chaos_plan import Plan

PLAN = Plan(seed=7, seconds=float(os.environ.get("SOAK_SECONDS", "14")), factor=1)


@pytest.mark.alone
@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="needs the addresses 127.0.0.2 to 127.0.0.9")
@pytest.mark.timeout(PLAN.seconds * 2 + 120)
async def test_honest_clients_notice_no_attackers() -> None:
    with run_processes() as processes:
        result = await run_soak(processes, PLAN)
        assert processes.replicas[0].stop() == 0
        report = report_soak(processes, PLAN, result)
        print(*report.lines, *(f"error: {line}" for line in report.errors), sep="\n")
        assert not report.errors
