import asyncio
from typing import Any

import msgspec
import pytest
from emulator.sql.sql_client import BY_POLLS, SqlClient, query, registration
from emulator.sql.webhook_receiver import WebhookReceiver, receive_webhooks

from gateway.emulator.practice import current_utc_time
from gateway.emulator.settings import Variants, Webhook


async def notices(receiver: WebhookReceiver, count: int) -> list[Any]:
    """The first notices, and those that come soon after them."""
    for _ in range(200):
        if len(receiver.received) >= count:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    return [msgspec.json.decode(each.body) for each in receiver.received]


def client(receiver: WebhookReceiver, variants: Variants = BY_POLLS, **settings: Any) -> SqlClient:
    webhook = Webhook(url=receiver.url, secret="s")  # noqa: S106 - synthetic
    return SqlClient(variants, webhooks=(webhook,), time_scale=0, **settings)


@pytest.mark.anyio
async def test_async_query_is_announced_once_when_it_has_succeeded() -> None:
    with receive_webhooks(204) as receiver:
        sql = client(receiver)
        accepted = await sql.submit("async", query())
        for _ in range(7):
            await sql.read(accepted["id"])
        (notice,) = await notices(receiver, 1)
        assert (notice["queryId"], notice["webhookSource"]) == (accepted["id"], "async")
        (delivery,) = await sql.control("GET", "webhooks")
        assert (delivery["id"], delivery["status"]) == (notice["id"], 204)


@pytest.mark.anyio
async def test_failed_query_is_not_announced() -> None:
    with receive_webhooks(204) as receiver:
        sql = client(receiver)
        accepted = await sql.submit("async", query(" "))
        await sql.statuses(accepted["id"])
        assert await notices(receiver, 0) == []


@pytest.mark.anyio
async def test_query_finishes_by_the_clock_without_polls() -> None:
    with receive_webhooks(204) as receiver:
        sql = client(receiver, Variants(sql_state_seconds=0.01))
        sql.state.clock = current_utc_time
        accepted = await sql.submit("async", query())
        (notice,) = await notices(receiver, 1)
        assert notice["queryId"] == accepted["id"]
    assert await sql.bill() == (1, 0)


@pytest.mark.anyio
@pytest.mark.parametrize(("runs", "count"), [("every", 2), ("changed", 1)])
async def test_registered_runs_are_announced_by_the_setting(runs: str, count: int) -> None:
    with receive_webhooks(204) as receiver:
        sql = client(receiver, webhook_runs=runs)
        accepted = await sql.submit("registered", registration())
        for body in (None, None, {"error": {"errorType": "mssql", "errorCode": 1, "errorMessage": "x"}}):
            await sql.control("POST", f"registered/{accepted['id']}/run", body)
        received = await notices(receiver, count)
        assert [each["webhookSource"] for each in received] == ["registered"] * count
        assert {each["queryId"] for each in received} == {accepted["id"]}


@pytest.mark.anyio
async def test_registered_query_runs_until_its_duration_is_over() -> None:
    sql = SqlClient(registered_runs="clock", time_scale=0)
    path = f"registered/{(await sql.submit('registered', registration(duration=300)))['id']}"
    await asyncio.sleep(0.05)
    assert (await sql.read(path))["metrics"]["executionSucceededCount"] == 5


@pytest.mark.anyio
async def test_cancelled_query_runs_no_more() -> None:
    sql = SqlClient(registered_runs="clock", time_scale=0.001)
    path = f"registered/{(await sql.submit('registered', registration(duration=6000)))['id']}"
    await asyncio.sleep(0.01)
    await sql.send("DELETE", path)
    runs = (await sql.read(path))["metrics"]["executionSucceededCount"]
    await asyncio.sleep(0.15)
    assert (await sql.read(path))["metrics"]["executionSucceededCount"] == runs >= 1


@pytest.mark.anyio
async def test_reset_ends_what_runs_in_the_background() -> None:
    with receive_webhooks(204) as receiver:
        sql = client(receiver, Variants(sql_state_seconds=0.02))
        sql.state.clock = current_utc_time
        accepted = await sql.submit("async", query())
        await sql.control("POST", "reset")
        assert await notices(receiver, 0) == []
        assert (await sql.send("GET", accepted["id"])).status_code == 404
