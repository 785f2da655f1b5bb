"""Threads give way more often while one computes, and as usual after the last."""

import asyncio
import sys

import pytest

from gateway.thread_switching import frequent_switches, let_others_run


def test_usual_interval_returns_after_the_last_block() -> None:
    usual = sys.getswitchinterval()
    first, second = frequent_switches(), frequent_switches()
    first.__enter__()
    during = sys.getswitchinterval()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == during < usual
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == usual


def test_shorter_interval_stays() -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.000_1)
    try:
        with frequent_switches():
            assert sys.getswitchinterval() < 0.000_2
    finally:
        sys.setswitchinterval(usual)


@pytest.mark.anyio
async def test_others_run_once_in_between() -> None:
    seen: list[int] = []
    asyncio.get_running_loop().call_soon(seen.append, 1)
    await let_others_run()
    assert seen == [1]
