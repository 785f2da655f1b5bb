"""Random searches through the gateway, over models of an upstream, compared with R4's own words.

The oracle (`tests/oracle/`) shares no code with gateway and emulator. `DIFFERENTIAL_CASES` is the number of
searches, `DIFFERENTIAL_SEED` runs one; each difference names its seed and the smallest search that shows it.
"""

import os
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from oracle.run import Run
from structlog.testing import capture_logs

CASES = int(os.environ.get("DIFFERENTIAL_CASES", "400"))
SEED = os.environ.get("DIFFERENTIAL_SEED", "")
#: Largest share of searches that the gateway may refuse at upstreams that give all that it needs.
MAX_REFUSED = 0.08


@pytest.fixture(params=["even", "odd"])
def seeds(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """The seeds of one half, so that two processes share the work."""
    half = range(request.param == "odd", CASES, 2)
    with capture_logs():
        yield [seed for seed in half if not SEED] or [int(SEED)]


@pytest.mark.anyio
@pytest.mark.timeout(900)
async def test_answer_is_what_r4_defines(seeds: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    run = Run()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(run.stop)
        await run.check_all(seeds)
        billed, bill = await run.billed_queries()
    with capsys.disabled():
        print(f"\n{run}")
    assert run.differences == [], "\n" + "\n".join(map(str, run.differences[:20]))
    assert billed == bill
    assert SEED or run.refused_share < MAX_REFUSED
    assert SEED or run.counts["matched"] > len(seeds) / 3
