from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from emulator.sql.shapes import ASYNC_BY_STATUS, problems

from gateway.emulator.sql.queries import PLANS, StoredQuery
from gateway.emulator.sql.query_error import QueryError
from gateway.emulator.sql.rendering import async_json, error_json, format_instant, immediate_json

NOW = datetime(2026, 6, 24, 10, 0, 0, 123_999, tzinfo=UTC)
SITE = "00000000-0000-4000-8000-000000005d00"
ERROR = QueryError("mssql", 208, "Invalid object name 'x'.")


def stored() -> StoredQuery:
    return StoredQuery(SITE, "key", SITE, "async", NOW, None, 8, 31, 30_000)


def test_instants_are_utc_with_milliseconds() -> None:
    assert format_instant(NOW) == "2026-06-24T10:00:00.123Z"
    assert format_instant(NOW.astimezone(ZoneInfo("Australia/Sydney"))) == "2026-06-24T10:00:00.123Z"


def test_state_ends_when_the_next_one_starts() -> None:
    query = stored()
    query.plan = PLANS["expiredInQueue"]
    query.entered = [(status, NOW + timedelta(seconds=index)) for index, status in enumerate(query.plan)]
    body = async_json(query)
    assert problems(body, ASYNC_BY_STATUS["expiredInQueue"]) == []
    assert body["statusTiming"]["queued"] == {
        "startTime": "2026-06-24T10:00:01.123Z",
        "endTime": "2026-06-24T10:00:02.123Z",
    }
    assert body["completedAt"] == "2026-06-24T10:00:02.123Z"


def test_integrator_id_depends_on_the_owner_without_showing_it() -> None:
    mine, other = stored(), stored()
    other.owner = "other-key"
    ids = [async_json(query)["integratorId"] for query in (mine, mine, other)]
    assert ids[0] == ids[1] != ids[2]
    assert "key" not in str(async_json(mine))


def test_old_engine_shows_an_error_in_root_fields_only() -> None:
    query = stored()
    query.mode, query.error, query.entered = "immediate", ERROR, [("executionFailed", NOW)]
    new, old = immediate_json(query), immediate_json(query, old_engine=True)
    assert new == old | {"errorDetails": ERROR._asdict()}
    assert error_json(ERROR)["errorCode"] == old["errorCode"] == 208
    assert "metrics" not in new
