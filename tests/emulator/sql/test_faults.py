from typing import Any

import pytest
from emulator.sql.shapes import ASYNC_BY_STATUS, ERROR, ERROR_DETAILS, problems
from emulator.sql.sql_client import SqlClient, filing, query, registration

from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import Variants
from gateway.emulator.sites import PERTH, SYDNEY
from gateway.emulator.sql.faults import as_sql_refusal, is_sql, require_in_time, time_limit


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("rule", "status", "queries"),
    [
        ({"kind": "offline"}, 504, 0),
        ({"kind": "unreachable"}, 504, 0),
        ({"kind": "no-contact"}, 503, 0),
        ({"kind": "slow-query"}, 504, 1),
    ],
)
async def test_site_out_of_reach_is_refused_in_the_wrapped_shape(
    rule: dict[str, Any], status: int, queries: int
) -> None:
    sql = SqlClient()
    await sql.control("POST", "faults", rule)
    for path in ("immediate", "async"):
        response = await sql.send("POST", path, filing("QQ=="))
        assert (response.status_code, problems(response.json(), ERROR)) == (status, [])
    assert await sql.control("GET", "executions") == []
    assert (await sql.bill())[0] == 2 * queries


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"kind": "halo-link", "error_code": 0}, ("http", 0)),
        ({"kind": "halo-link", "error_code": 4}, ("haloLink", 4)),
        ({"kind": "sql-error", "error_code": 208}, ("mssql", 208)),
        ({"kind": "sql-error", "error_code": 18456}, ("mssql", 18456)),
        ({"kind": "login-failed"}, ("haloLink", 1)),
    ],
)
async def test_error_of_the_practice_is_response_or_state(
    rule: dict[str, Any], error: tuple[str, int]
) -> None:
    sql = SqlClient()
    await sql.control("POST", "faults", rule)
    response = await sql.send("POST", "immediate", filing("QQ=="))
    details = response.json()["errorDetails"]
    assert (response.status_code, problems(details, ERROR_DETAILS)) == (400, [])
    assert (details["errorType"], details["errorCode"]) == error
    accepted = await sql.submit("async", filing("QQ=="))
    registered = await sql.submit("registered", registration())
    await sql.control("DELETE", "faults")
    await sql.statuses(accepted["id"])
    body = await sql.read(accepted["id"])
    assert problems(body, ASYNC_BY_STATUS["executionFailed"]) == []
    assert (body["errorDetails"]["errorType"], body["errorCode"]) == error
    run = await sql.control("POST", f"registered/{registered['id']}/run")
    assert run["lastErrorDetails"]["errorCode"] == error[1]
    assert await sql.control("GET", "executions") == []


@pytest.mark.anyio
async def test_old_engine_sends_injected_errors_in_root_fields() -> None:
    sql = SqlClient()
    await sql.control("POST", "faults", {"kind": "sql-error", "error_code": 208})
    response = await sql.send("POST", "immediate", query(), PERTH)
    assert (response.status_code, response.json()["errorCode"]) == (200, 208)


@pytest.mark.anyio
async def test_query_over_the_time_limit_gets_504_after_its_execution() -> None:
    sql = SqlClient(Variants(sql_time_limit=0.02))
    await sql.control("POST", "faults", {"kind": "delay", "delay": 60})
    response = await sql.send("POST", "immediate", filing("QQ=="))
    assert (response.status_code, problems(response.json(), ERROR)) == (504, [])
    assert len(await sql.control("GET", "executions")) == 1
    assert await sql.bill() == (1, 0)


@pytest.mark.anyio
async def test_errors_are_never_operation_outcomes() -> None:
    sql = SqlClient(faults={"error-envelope": False})
    assert "error" in (await sql.send("POST", "immediate", {})).json()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["integrator", "sites", SYDNEY, "queries", "immediate"], True),
        (["desktop", "sites", SYDNEY, "queries"], True),
        (["integrator", "sites", SYDNEY, "fhir", "R4"], False),
        (["api", "sites", SYDNEY, "queries"], False),
        (["integrator", "sites"], False),
    ],
)
def test_sql_paths_are_below_queries_of_a_site(path: list[str], expected: bool) -> None:
    assert is_sql(path) is expected


def test_only_immediate_queries_of_known_sites_have_a_time_limit() -> None:
    state = SqlClient().state
    base = ["integrator", "sites", SYDNEY.upper(), "queries"]
    assert time_limit(state, [*base, "immediate"]) == 60
    assert time_limit(state, [*base, "async"]) is None
    assert time_limit(state, ["integrator", "sites", "nowhere", "queries", "immediate"]) is None


def test_only_a_longer_delay_is_over_the_limit() -> None:
    require_in_time(None, 60)
    require_in_time(FaultRule(kind="delay", delay=60), 60)
    require_in_time(FaultRule(kind="delay", delay=99), None)
    with pytest.raises(Refusal):
        require_in_time(FaultRule(kind="delay", delay=61), 60)


def test_other_refusals_stay_as_they_are() -> None:
    refusal = Refusal("wrapped", 404, "x")
    assert as_sql_refusal(refusal) is refusal
