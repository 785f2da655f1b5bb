import asyncio

import pytest

from gateway.emulator.sql.store import MAX_TASKS, SqlStore


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@pytest.mark.anyio
async def test_background_work_is_bounded_and_cancelled() -> None:
    store = SqlStore()
    for _ in range(MAX_TASKS + 5):
        store.start_task(wait_for_ever())
    tasks = list(store._tasks)
    assert len(tasks) == MAX_TASKS
    store.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    assert store._tasks == set()


def test_lists_are_bounded() -> None:
    store = SqlStore()
    store.deliveries.extend({} for _ in range(5_000))
    assert len(store.deliveries) == store.deliveries.maxlen == store.forced.maxlen == 1_000
