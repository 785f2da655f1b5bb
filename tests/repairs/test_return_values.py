"""Return values of results: small ones are searched at once, large ones in a thread of their own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from support.requests import json_response
from support.sql import parameter

from gateway.exchange import FhirResponse
from gateway.repairs.return_values import ReturnValues

pytestmark = pytest.mark.anyio


def result(direction: str = "output", size: int = 0) -> FhirResponse:
    parameters = [parameter("@ret", "Int", "7", direction)]
    return json_response({"data": "A" * size, "parameters": parameters})


@pytest.mark.parametrize("size", [0, 100_000])
async def test_output_of_the_name_is_given_back(size: int) -> None:
    values = ReturnValues()
    assert await values.restore(result(size=size), "@ret") == result("returnValue", size)
    for name in ("", "@other"):
        response = result(size=size)
        assert await values.restore(response, name) is response


async def test_large_results_need_no_thread_of_others() -> None:
    opened = Event()
    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        waiting = asyncio.create_task(asyncio.to_thread(opened.wait, 10))
        values = ReturnValues()
        async with asyncio.timeout(5):
            found = await asyncio.gather(*(values.restore(result(size=100_000), "@ret") for _ in range(4)))
        opened.set()
        await waiting
    assert found == [result("returnValue", 100_000)] * 4
