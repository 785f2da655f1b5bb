import pytest
from emulator.sql.sql_client import UNKNOWN_ID, SqlClient, filing, query, registration


@pytest.mark.anyio
async def test_executions_are_listed_and_cleared() -> None:
    sql = SqlClient()
    await sql.submit("immediate", filing("QQ=="))
    (execution,) = await sql.control("GET", "executions")
    assert execution["procedure"] == "dbo.FileDocument"
    assert execution["arguments"]["@Content"]["value"] == "QQ=="
    await sql.control("DELETE", "executions")
    assert await sql.control("GET", "executions") == []


@pytest.mark.anyio
async def test_reset_forgets_queries_executions_and_forced_states() -> None:
    sql = SqlClient()
    await sql.submit("immediate", filing("QQ=="))
    accepted = await sql.submit("async", query())
    await sql.submit("registered", registration())
    await sql.control("POST", "queries/state", {"status": "uploadFailed"})
    await sql.control("POST", "reset")
    assert await sql.control("GET", "executions") == []
    assert (await sql.send("GET", accepted["id"])).status_code == 404
    assert await sql.read("registered") == {"registeredQueries": []}
    assert (await sql.statuses((await sql.submit("async", query()))["id"]))[-1] == "successful"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"status": "nonsense"}', 400),
        (b'{"status": "queued", "error": {"errorCode": 1}}', 400),
        (b'{"status": "queued", "id": "%s"}' % UNKNOWN_ID.encode(), 404),
    ],
)
async def test_malformed_state_is_refused(body: bytes, status: int) -> None:
    sql = SqlClient()
    assert (await sql.http.post("/_emulator/queries/state", content=body)).status_code == status


@pytest.mark.anyio
async def test_state_of_an_immediate_query_is_not_forced() -> None:
    sql = SqlClient()
    sent = await sql.submit("immediate", query())
    body = {"status": "queued", "id": sent["id"]}
    assert (await sql.http.post("/_emulator/queries/state", json=body)).status_code == 404


@pytest.mark.anyio
async def test_run_of_an_unknown_query_or_error_is_refused() -> None:
    sql = SqlClient()
    accepted = await sql.submit("registered", registration())
    path = f"/_emulator/registered/{accepted['id']}/run"
    assert (await sql.http.post(f"/_emulator/registered/{UNKNOWN_ID}/run")).status_code == 404
    assert (await sql.http.post(path, json={"error": {}})).status_code == 400
    assert (await sql.http.post(path)).json()["metrics"]["executionSucceededCount"] == 1
