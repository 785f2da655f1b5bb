import pytest
from emulator.sql.shapes import ASYNC_BY_STATUS, problems
from emulator.sql.sql_client import SqlClient, filing, query

from gateway.emulator.sql.queries import PLANS

#: States in which a command was executed, if they are reached.
EXECUTED = {"executing", "uploading", "uploadFailed", "successful"}


@pytest.mark.anyio
@pytest.mark.parametrize("status", PLANS)
async def test_next_query_ends_in_the_forced_state(status: str) -> None:
    sql = SqlClient()
    await sql.control("POST", "queries/state", {"status": status})
    accepted = await sql.submit("async", filing("QQ=="))
    await sql.statuses(accepted["id"])
    body = await sql.read(accepted["id"])
    assert (body["status"], problems(body, ASYNC_BY_STATUS[status])) == (status, [])
    assert len(await sql.control("GET", "executions")) == (status in EXECUTED)
    later = await sql.submit("async", query())
    assert (await sql.statuses(later["id"]))[-1] == "successful"


@pytest.mark.anyio
@pytest.mark.parametrize("polls", [0, 2, 6])
@pytest.mark.parametrize("status", ["expiredInQueue", "uploadFailed"])
async def test_query_is_forced_whatever_state_it_is_in(polls: int, status: str) -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", filing("QQ=="))
    for _ in range(polls):
        await sql.read(accepted["id"])
    await sql.control("POST", "queries/state", {"status": status, "id": accepted["id"]})
    await sql.statuses(accepted["id"])
    body = await sql.read(accepted["id"])
    assert (body["status"], problems(body, ASYNC_BY_STATUS[status])) == (status, [])
    assert len(await sql.control("GET", "executions")) <= 1


@pytest.mark.anyio
async def test_forced_failure_shows_the_given_error() -> None:
    sql = SqlClient()
    error = {"errorType": "haloLink", "errorCode": 3, "errorMessage": "orphaned"}
    await sql.control("POST", "queries/state", {"status": "executionFailed", "error": error})
    accepted = await sql.submit("async", query())
    await sql.statuses(accepted["id"])
    assert (await sql.read(accepted["id"]))["errorDetails"] == error


@pytest.mark.anyio
async def test_error_of_an_async_query_is_its_state() -> None:
    sql = SqlClient()
    for text, kind in (("EXECUTE dbo.Nonsense", "mssql"), (" ", "haloLink")):
        accepted = await sql.submit("async", query(text))
        await sql.statuses(accepted["id"])
        body = await sql.read(accepted["id"])
        assert problems(body, ASYNC_BY_STATUS["executionFailed"]) == []
        assert body["errorDetails"]["errorType"] == kind


@pytest.mark.anyio
async def test_unreadable_value_of_an_async_query_is_its_state() -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", filing("not base64"))
    await sql.statuses(accepted["id"])
    body = await sql.read(accepted["id"])
    assert (body["status"], body["errorDetails"]["errorType"]) == ("executionFailed", "haloLink")
    assert await sql.control("GET", "executions") == []


@pytest.mark.anyio
async def test_command_is_executed_once_however_often_it_is_read() -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", filing("QQ=="))
    for _ in range(8):
        await sql.read(accepted["id"])
    assert len(await sql.control("GET", "executions")) == 1
