from base64 import b64decode, b64encode
from typing import Any

import pytest
from emulator.sql.shapes import (
    ASYNC_BY_STATUS,
    ERROR,
    FAILED_IMMEDIATE,
    SUCCESSFUL_IMMEDIATE,
    problems,
)
from emulator.sql.sql_client import BY_POLLS, UNKNOWN_ID, SqlClient, filing, query

from gateway.emulator.settings import SiteOverride, Variants
from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY
from gateway.emulator.sql.parameter_conversion import CONVERSION_ERROR

DOCUMENT = b64encode(bytes(8_001)).decode()
FROM = "SELECT * FROM Sites"


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["reader", "scalar", "nonQuery"])
async def test_immediate_query_has_the_documented_shape(mode: str) -> None:
    body = await SqlClient().submit("immediate", query(FROM, executionMode=mode) | {"maxTimeInQueue": 60_000})
    assert problems(body, SUCCESSFUL_IMMEDIATE) == []
    assert (body["siteId"], body["maxTimeInQueue"], body["commandSize"]) == (SYDNEY, 60_000, len(FROM))
    assert ("data" in body["result"]) == (mode != "nonQuery")


@pytest.mark.anyio
async def test_rows_are_base64_of_a_json_array() -> None:
    result = (await SqlClient().submit("immediate", query(FROM)))["result"]
    data = b64decode(result["data"])
    assert data == b'[{"SiteName":"Halo Clinic Sydney","Answer":1}]'
    assert (result["rows"], result["size"]) == (1, len(data))


@pytest.mark.anyio
async def test_error_of_the_database_is_a_failed_query() -> None:
    sql = SqlClient()
    response = await sql.send("POST", "immediate", query("nonsense", type="storedProcedure"))
    assert response.status_code == 400
    assert problems(response.json(), FAILED_IMMEDIATE) == []
    assert response.json()["errorDetails"]["errorCode"] == 2812
    assert await sql.bill() == (1, 0)


@pytest.mark.anyio
async def test_old_engine_sends_errors_in_root_fields_with_200() -> None:
    sql = SqlClient()
    response = await sql.send("POST", "immediate", query("nonsense", type="storedProcedure"), PERTH)
    body = response.json()
    assert (response.status_code, body["status"], body["errorCode"]) == (200, "executionFailed", 2812)
    assert "errorDetails" not in body
    (entry,) = await sql.control("GET", "requests")
    assert entry["status"] == 400


@pytest.mark.anyio
@pytest.mark.parametrize("body", [{}, [], {"command": "SELECT 1"}, {"command": {"type": "text"}}])
async def test_malformed_body_is_refused_and_free(body: Any) -> None:
    sql = SqlClient()
    for path in ("immediate", "async"):
        response = await sql.send("POST", path, body)
        assert (response.status_code, problems(response.json(), ERROR)) == (400, [])
        assert response.json()["error"]["message"] == "Malformed SQL"
    assert await sql.bill() == (0, 0)


@pytest.mark.anyio
async def test_large_value_of_a_procedure_is_refused_unexecuted_and_free() -> None:
    sql = SqlClient()
    for path in ("immediate", "async"):
        response = await sql.send("POST", path, filing(DOCUMENT))
        assert (response.status_code, response.json()["error"]["message"]) == (400, CONVERSION_ERROR)
    assert await sql.control("GET", "executions") == []
    assert await sql.bill() == (0, 0)


@pytest.mark.anyio
async def test_conversion_error_may_be_the_state_of_a_query() -> None:
    sql = SqlClient(Variants(sql_conversion_error="as-state", sql_progress="polls"))
    response = await sql.send("POST", "immediate", filing(DOCUMENT))
    assert response.status_code == 400
    assert problems(response.json(), FAILED_IMMEDIATE) == []
    assert response.json()["errorDetails"]["errorMessage"] == CONVERSION_ERROR
    assert await sql.bill() == (0, 0)
    accepted = await sql.submit("async", filing(DOCUMENT))
    assert await sql.statuses(accepted["id"]) == ["queued", "executing", "executionFailed"]
    assert (await sql.read(accepted["id"]))["errorMessage"] == CONVERSION_ERROR
    assert await sql.control("GET", "executions") == []


@pytest.mark.anyio
async def test_known_issue_is_switched_per_site() -> None:
    repaired = {SYDNEY: SiteOverride(faults={"sql-parameter-conversion": False})}
    sql = SqlClient(sites=repaired)
    assert (await sql.send("POST", "immediate", filing(DOCUMENT))).status_code == 200
    assert (await sql.send("POST", "immediate", filing(DOCUMENT), BRISBANE)).status_code == 400
    (execution,) = await sql.control("GET", "executions")
    assert execution["arguments"]["@Content"]["value"] == DOCUMENT


@pytest.mark.anyio
async def test_result_over_the_limit_is_413() -> None:
    sql = SqlClient(sites={SYDNEY: SiteOverride(size_limit=10)})
    response = await sql.send("POST", "immediate", query(FROM))
    assert response.status_code == 413
    assert problems(response.json(), FAILED_IMMEDIATE) == []
    assert response.json()["errorDetails"]["errorType"] == "http"
    assert await sql.bill() == (1, 0)


@pytest.mark.anyio
async def test_request_over_the_limit_is_413_and_free() -> None:
    sql = SqlClient(Variants(sql_max_request=100))
    response = await sql.send("POST", "immediate", query("SELECT 1" + " " * 100))
    assert response.status_code == 413
    assert await sql.bill() == (0, 0)


@pytest.mark.anyio
async def test_polls_see_each_state_in_its_documented_shape() -> None:
    sql = SqlClient()
    body = await sql.submit("async", query(FROM))
    for status in ("initialising", "queued", "executing", "uploading", "successful", "successful"):
        assert body["status"] == status
        assert problems(body, ASYNC_BY_STATUS[status]) == []
        body = await sql.read(body["id"])
    assert await sql.bill() == (1, 6)


@pytest.mark.anyio
async def test_async_query_moves_on_by_the_clock() -> None:
    sql = SqlClient(Variants(sql_state_seconds=10))
    accepted = await sql.submit("async", query())
    assert accepted["maxTimeInQueue"] == 3_600_000
    seen = []
    for seconds in (0, 10, 10, 20, 3600):
        sql.clock.advance(seconds)
        seen.append((await sql.read(accepted["id"]))["status"])
    assert seen == ["initialising", "queued", "executing", "successful", "successful"]


@pytest.mark.anyio
async def test_pages_have_headers_and_hold_all_rows() -> None:
    sql = SqlClient(BY_POLLS.model_copy(update={"sql_rows": 5, "sql_page_size": 100}))
    accepted = await sql.submit("async", query(FROM))
    await sql.statuses(accepted["id"])
    result = (await sql.read(accepted["id"]))["result"]
    assert [page["rows"]["rangeStart"] for page in result["pages"]] == [0, 2, 4]
    response = await sql.send("GET", f"{accepted['id']}/results/2")
    data = b64decode(response.json()["data"])
    ranges = ("size", "rows-count", "rows-range-start", "rows-range-end")
    assert [response.headers[name] for name in ranges] == [str(len(data)), "2", "2", "3"]
    assert b'"Answer":3' in data
    stream = await sql.send("GET", f"{accepted['id']}/results/2/stream")
    assert stream.content == data


@pytest.mark.anyio
@pytest.mark.parametrize(("number", "status"), [("0", 400), ("x", 400), ("2", 404), ("1", 200)])
async def test_page_number_is_checked(number: str, status: int) -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", query())
    path = f"{accepted['id']}/results/{number}"
    early = await sql.send("GET", path)
    assert early.status_code == (400 if status == 400 else 404)
    await sql.statuses(accepted["id"])
    assert (await sql.send("GET", path)).status_code == status


@pytest.mark.anyio
async def test_pages_are_gone_after_a_day() -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", query())
    await sql.statuses(accepted["id"])
    sql.clock.advance(24 * 3600 - 1)
    assert (await sql.send("GET", f"{accepted['id']}/results/1")).status_code == 200
    sql.clock.advance(1)
    response = await sql.send("GET", f"{accepted['id']}/results/1")
    assert (response.status_code, problems(response.json(), ERROR)) == (410, [])


@pytest.mark.anyio
async def test_output_parameters_are_on_the_page_of_a_procedure() -> None:
    sql = SqlClient()
    body = filing(b64encode(b"letter").decode())
    body["command"]["executionMode"] = "nonQuery"
    accepted = await sql.submit("async", body)
    await sql.statuses(accepted["id"])
    assert (await sql.read(accepted["id"]))["result"]["rowsAffected"] == 1
    page = await sql.read(f"{accepted['id']}/results/1")
    assert "data" not in page
    assert [each["name"] for each in page["parameters"]] == ["@DocumentId"]


@pytest.mark.anyio
async def test_batch_of_states_says_which_queries_are_unknown() -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", query())
    body = await sql.submit("status", {"queryIds": [accepted["id"], UNKNOWN_ID]})
    found, unknown = body["results"]
    assert (found["queryId"], found["status"]) == (accepted["id"], "found")
    assert problems(found["query"], ASYNC_BY_STATUS["queued"]) == []
    assert unknown == {"queryId": UNKNOWN_ID, "status": "notFound"}
    for ids in (None, "x", ["x"], [1], [UNKNOWN_ID] * 1_001):
        assert (await sql.send("POST", "status", {"queryIds": ids})).status_code == 400


@pytest.mark.anyio
async def test_query_is_seen_only_by_its_caller_at_its_site() -> None:
    sql = SqlClient()
    accepted = await sql.submit("async", query())
    others: tuple[dict[str, Any], ...] = ({"site": BRISBANE}, {"key": "other-key"})
    for other in others:
        assert (await sql.send("GET", accepted["id"], **other)).status_code == 404
        assert (await sql.send("GET", f"{accepted['id']}/results/1", **other)).status_code == 404
        (line,) = (await sql.submit("status", {"queryIds": [accepted["id"]]}, **other))["results"]
        assert line["status"] == "notFound"
    assert (await sql.send("GET", accepted["id"])).status_code == 200


@pytest.mark.anyio
async def test_immediate_query_is_read_without_its_result() -> None:
    sql = SqlClient()
    sent = await sql.submit("immediate", query())
    kept = await sql.read(sent["id"])
    assert kept == {name: sent[name] for name in sent if name not in {"metrics", "result", "resultSize"}}


@pytest.mark.anyio
async def test_other_paths_are_not_found() -> None:
    sql = SqlClient()
    for method, path in (("PUT", "immediate"), ("POST", "nonsense"), ("GET", "a/b/c/d"), ("GET", UNKNOWN_ID)):
        assert (await sql.send(method, path)).status_code == 404
