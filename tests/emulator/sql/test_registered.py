from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.sql.shapes import REGISTERED, REGISTERED_RESULT, problems
from emulator.sql.sql_client import filing, query

from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES, SYDNEY
from gateway.emulator.sql.commands import Registration, Submission
from gateway.emulator.sql.engine import ExecutionLog
from gateway.emulator.sql.execution import SqlContext
from gateway.emulator.sql.query_error import QueryError
from gateway.emulator.sql.registered import RegisteredQuery, run_registered

NOW = datetime(2026, 6, 24, 10, tzinfo=UTC)
CONTEXT = SqlContext(SITES[SYDNEY], EmulatorSettings(), ExecutionLog())


def registered(body: dict[str, Any]) -> RegisteredQuery:
    registration = Registration("Test", 60, 120, Submission(body["command"], 0, 50))
    return RegisteredQuery(SYDNEY, "key", SYDNEY, registration, NOW)


def test_runs_are_counted_and_their_result_is_hashed() -> None:
    recorded = registered(query("SELECT a FROM b"))
    assert problems(recorded.as_json(), REGISTERED) == []
    assert recorded.result_json() is None
    assert [run_registered(recorded, CONTEXT, NOW) for _ in range(2)] == [True, False]
    body = recorded.as_json()
    assert problems(body, REGISTERED) == []
    assert body["metrics"]["executionSucceededCount"] == 2
    assert body["metrics"]["resultSizeSum"] == 2 * recorded.result_json()["size"]  # type: ignore[index]
    assert body["metrics"]["lastSucceededAt"] == "2026-06-24T10:00:00.000Z"
    assert problems(recorded.result_json(), REGISTERED_RESULT) == []


def test_changed_rows_change_the_hash() -> None:
    recorded = registered(query("SELECT a FROM b"))
    more_rows = EmulatorSettings.model_validate({"variants": {"sql_rows": 2}})
    assert run_registered(recorded, CONTEXT, NOW)
    first = recorded.last_hash
    assert run_registered(recorded, CONTEXT._replace(settings=more_rows), NOW)
    assert recorded.last_hash != first


def test_failed_run_shows_its_error_until_one_succeeds() -> None:
    recorded = registered(query("SELECT a FROM b"))
    recorded.next_error = QueryError("mssql", 208, "Invalid object name 'b'.")
    assert run_registered(recorded, CONTEXT, NOW) is None
    body = recorded.as_json()
    assert problems(body, REGISTERED) == []
    assert body["lastErrorDetails"]["errorCode"] == 208
    assert (body["metrics"]["executionFailedCount"], "lastHash" in body) == (1, False)
    assert run_registered(recorded, CONTEXT, NOW)
    assert "lastErrorDetails" not in recorded.as_json()


def test_errors_of_the_practice_are_kept() -> None:
    for body, kind in (
        (query("EXECUTE dbo.X"), "mssql"),
        (filing("?"), "haloLink"),
        (query(" "), "haloLink"),
    ):
        recorded = registered(body)
        assert run_registered(recorded, CONTEXT, NOW) is None
        assert recorded.last_error is not None
        assert recorded.last_error.errorType == kind


def test_query_is_completed_at_the_end_of_its_duration() -> None:
    recorded = registered(query())
    recorded.settle(NOW + timedelta(seconds=119))
    assert recorded.status == "enabled"
    recorded.settle(NOW + timedelta(seconds=500))
    assert (recorded.status, recorded.completed) == ("completed", NOW + timedelta(seconds=120))


def test_query_holds_its_command_and_its_last_result() -> None:
    recorded = registered(query("SELECT a FROM b"))
    assert recorded.held_bytes == 50
    run_registered(recorded, CONTEXT, NOW)
    assert recorded.held_bytes == 50 + recorded.result.size  # type: ignore[union-attr]
