"""Requests between the workers of one gateway."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.server.siblings import MAX_REQUEST, Inboxes, SiblingAnswer, SiblingRequest, Siblings

pytestmark = pytest.mark.anyio
REQUEST = SiblingRequest("POST", "/admin/purge", [("authorization", "Bearer x")], b"{}")


async def echo(request: SiblingRequest) -> SiblingAnswer:
    return SiblingAnswer(200, f"{request.method} {request.target} ".encode() + request.body)


@contextmanager
def siblings(count: int, seconds: float = 5) -> Iterator[list[Siblings]]:
    inboxes = Inboxes(count)
    try:
        yield [Siblings(inboxes, number + 1, seconds) for number in range(count)]
    finally:
        inboxes.close()


async def test_all_siblings_answer() -> None:
    with siblings(3) as (first, second, third):
        async with second.serve(echo), third.serve(echo):
            answer = SiblingAnswer(200, b"POST /admin/purge {}")
            assert await first.ask(REQUEST) == {2: answer, 3: answer}


async def test_sibling_that_does_not_answer_is_none_after_the_time() -> None:
    async def wait(_: SiblingRequest) -> SiblingAnswer:
        await asyncio.sleep(30)
        raise AssertionError

    with siblings(3, 0.1) as (first, second, _):
        started_at = time.monotonic()
        async with second.serve(wait):
            assert await first.ask(REQUEST) == {2: None, 3: None}
        assert time.monotonic() - started_at < 5


async def test_full_inbox_is_no_answer() -> None:
    with siblings(2, 0.01) as (first, _):
        answers = await asyncio.gather(*(first.ask(REQUEST) for _ in range(600)))
        assert all(answer == {2: None} for answer in answers)


async def test_request_that_waited_for_a_new_worker_harms_nothing() -> None:
    with siblings(2, 0.05) as (first, second):
        await first.ask(REQUEST)
        async with second.serve(echo):
            assert (await first.ask(REQUEST))[2] is not None


async def test_request_over_the_limit_is_not_answered() -> None:
    with siblings(2, 0.5) as (first, second):
        async with second.serve(echo):
            large = SiblingRequest("POST", "/", [], b"a" * MAX_REQUEST)
            assert await first.ask(large) == {2: None}


async def test_large_answer_arrives_whole() -> None:
    async def answer(_: SiblingRequest) -> SiblingAnswer:
        return SiblingAnswer(200, b"a" * 5_000_000)

    with siblings(2) as (first, second):
        async with second.serve(answer):
            assert await first.ask(REQUEST) == {2: SiblingAnswer(200, b"a" * 5_000_000)}
