from base64 import b64encode

import pytest
from emulator.sql.shapes import ERROR, REGISTERED, REGISTERED_RESULT, problems
from emulator.sql.sql_client import UNKNOWN_ID, SqlClient, filing, query, registration

from gateway.emulator.settings import Variants
from gateway.emulator.sites import BRISBANE
from gateway.emulator.sql.parameter_conversion import CONVERSION_ERROR

LARGE = filing(b64encode(bytes(8_001)).decode())


@pytest.mark.anyio
async def test_registered_query_is_accepted_listed_run_and_cancelled() -> None:
    sql = SqlClient()
    response = await sql.send("POST", "registered", registration())
    assert (response.status_code, list(response.json())) == (202, ["id"])
    path = f"registered/{response.json()['id']}"
    assert (await sql.send("GET", f"{path}/results")).status_code == 404
    await sql.control("POST", f"{path}/run")
    assert problems(await sql.read(f"{path}/results"), REGISTERED_RESULT) == []
    (listed,) = (await sql.read("registered"))["registeredQueries"]
    assert problems(listed, REGISTERED) == []
    assert listed == await sql.read(path)
    assert (await sql.send("DELETE", path)).status_code == 204
    assert (await sql.read(path))["status"] == "cancelled"
    assert (await sql.send("DELETE", path)).status_code == 404
    assert await sql.bill() == (1, 5)


@pytest.mark.anyio
async def test_registered_query_is_seen_only_by_its_caller() -> None:
    sql = SqlClient()
    path = f"registered/{(await sql.submit('registered', registration()))['id']}"
    for other in ({"site": BRISBANE}, {"key": "other-key"}):
        assert (await sql.send("GET", path, **other)).status_code == 404
        assert (await sql.send("DELETE", path, **other)).status_code == 404
        assert (await sql.send("GET", "registered", **other)).json() == {"registeredQueries": []}
    assert (await sql.send("GET", f"registered/{UNKNOWN_ID}")).status_code == 404


@pytest.mark.anyio
async def test_query_is_completed_when_its_duration_is_over() -> None:
    sql = SqlClient()
    path = f"registered/{(await sql.submit('registered', registration(duration=120)))['id']}"
    sql.clock.advance(120)
    assert (await sql.read(path))["status"] == "completed"


@pytest.mark.anyio
async def test_large_value_of_a_registered_procedure_is_refused() -> None:
    body = registration(registerCommand=LARGE)
    sql = SqlClient()
    response = await sql.send("POST", "registered", body)
    assert (response.status_code, problems(response.json(), ERROR)) == (400, [])
    assert await sql.bill() == (0, 0)


@pytest.mark.anyio
async def test_large_value_may_fail_the_runs_instead() -> None:
    sql = SqlClient(Variants(sql_conversion_error="as-state"))
    accepted = await sql.submit("registered", registration(registerCommand=LARGE))
    run = await sql.control("POST", f"registered/{accepted['id']}/run")
    assert run["lastErrorDetails"]["errorMessage"] == CONVERSION_ERROR
    assert await sql.control("GET", "executions") == []


@pytest.mark.anyio
async def test_malformed_registration_and_other_paths_are_refused() -> None:
    sql = SqlClient()
    assert (await sql.send("POST", "registered", query())).status_code == 400
    assert (await sql.send("PUT", "registered", query())).status_code == 404
