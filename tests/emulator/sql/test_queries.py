from datetime import UTC, datetime, timedelta

import pytest

from gateway.emulator.sql.queries import PLANS, StoredQuery, states_to
from gateway.emulator.sql.results import Result

NOW = datetime(2026, 6, 24, tzinfo=UTC)


def stored() -> StoredQuery:
    return StoredQuery("id", "key", "site", "async", NOW, {"text": ""}, 0, 100, 0)


@pytest.mark.parametrize(
    ("last", "states"),
    [
        ("queued", ("initialising", "queued")),
        ("successful", ("initialising", "queued", "executing", "uploading", "successful")),
        ("initialisationFailedSiteOffline", ("initialising", "initialisationFailedSiteOffline")),
        ("expiredInQueue", ("initialising", "queued", "expiredInQueue")),
        ("executionFailed", ("initialising", "queued", "executing", "executionFailed")),
        ("uploadFailed", ("initialising", "queued", "executing", "uploading", "uploadFailed")),
    ],
)
def test_states_lead_to_the_last_one(last: str, states: tuple[str, ...]) -> None:
    assert states_to(last) == states
    assert PLANS[last] == states


def test_there_is_a_plan_for_all_eleven_states() -> None:
    assert len(PLANS) == 11


def test_status_is_the_state_that_was_entered_last() -> None:
    query = stored()
    assert (query.status, query.updated_at, query.is_finished) == ("initialising", NOW, False)
    query.entered = [(status, NOW + timedelta(seconds=1)) for status in query.plan]
    assert (query.status, query.updated_at) == ("successful", NOW + timedelta(seconds=1))
    assert query.is_finished


def test_query_holds_its_command_until_it_is_executed() -> None:
    query = stored()
    assert query.held_bytes == 100
    query.command, query.result = None, Result((), [], None)
    assert query.held_bytes == 0
