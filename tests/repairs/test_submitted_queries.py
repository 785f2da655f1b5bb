"""Queries that later answers need: by site and id, until their results expire, and no others."""

import pytest
from support.requests import GUID, json_response
from support.scripted_upstream import Clock

from gateway.exchange import FhirResponse
from gateway.repairs.submitted_queries import SubmittedQueries, SubmittedQuery
from gateway.sql.operation import SqlAction, SqlOperation
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

ORDINARY = SubmittedQuery()
QUERY = SubmittedQuery("@ret", "all")
ID = "0f0f0f0f-0000-4000-8000-00000000000f"
ANSWER = json_response({"id": ID.upper(), "status": "queued"}, 201)


def operation(action: SqlAction, query_id: str = "", guid: str = GUID) -> SqlOperation:
    return SqlOperation(action, "integrator", guid, query_id)


def queries(clock: Clock | None = None) -> SubmittedQueries:
    clock = clock or Clock()
    return SubmittedQueries(MemoryStore(clock=clock), clock)


@pytest.mark.parametrize(("action", "hours"), [(SqlAction.ASYNC, 27), (SqlAction.REGISTER, 51)])
async def test_query_is_known_until_its_results_expire(action: SqlAction, hours: int) -> None:
    clock = Clock()
    known = queries(clock)
    await known.add(operation(action), ANSWER, QUERY)
    clock.now += hours * 3_600 - 1
    assert await known.find(operation(SqlAction.READ, ID)) == QUERY
    clock.now += 2
    assert await known.find(operation(SqlAction.READ, ID)) == ORDINARY


async def test_query_of_another_site_or_id_is_ordinary() -> None:
    known = queries()
    await known.add(operation(SqlAction.ASYNC), ANSWER, QUERY)
    assert await known.find(operation(SqlAction.READ, ID, "another")) == ORDINARY
    for other in ("0f0f0f0f", "", "../x", "x" * 100_000):
        assert await known.find(operation(SqlAction.READ, other)) == ORDINARY


@pytest.mark.parametrize(
    ("action", "answer", "query"),
    [
        (SqlAction.IMMEDIATE, ANSWER, QUERY),
        (SqlAction.ASYNC, ANSWER, ORDINARY),
        (SqlAction.ASYNC, json_response({"id": 7}), QUERY),
        (SqlAction.ASYNC, json_response({"id": "x" * 65}), QUERY),
        (SqlAction.ASYNC, json_response({"id": ID, "more": "x" * 70_000}), QUERY),
        (SqlAction.ASYNC, FhirResponse(201, body=b"\xff{"), QUERY),
    ],
)
async def test_query_without_id_or_need_is_not_stored(
    action: SqlAction, answer: FhirResponse, query: SubmittedQuery
) -> None:
    store = MemoryStore()
    known = SubmittedQueries(store, Clock())
    await known.add(operation(action), answer, query)
    assert store.used_bytes == 0
    assert await known.find(operation(SqlAction.READ, ID)) == ORDINARY


async def test_value_of_another_version_is_ordinary() -> None:
    store = MemoryStore()
    await store.set(f"sql-query/{GUID} {ID}", b"\xc1", 60)
    assert await SubmittedQueries(store, Clock()).find(operation(SqlAction.PAGE, ID)) == ORDINARY


async def test_query_is_known_to_other_replicas_until_it_is_evicted() -> None:
    clock, store = Clock(), MemoryStore(max_bytes=2_000)
    first, second = SubmittedQueries(store, clock), SubmittedQueries(store, clock)
    await first.add(operation(SqlAction.ASYNC), ANSWER, QUERY)
    assert await second.find(operation(SqlAction.READ, ID)) == QUERY
    await store.set("response", b"x" * 1_300, 60)
    assert await second.find(operation(SqlAction.READ, ID)) == ORDINARY
    assert await first.find(operation(SqlAction.READ, ID)) == QUERY


async def test_only_the_last_queries_stay_in_memory() -> None:
    store = MemoryStore(max_bytes=2_000)
    known = SubmittedQueries(store, Clock())
    for number in range(10_001):
        await known.add(operation(SqlAction.ASYNC), json_response({"id": str(number)}), QUERY)
    assert await known.find(operation(SqlAction.READ, "0")) == ORDINARY
    assert await known.find(operation(SqlAction.READ, "1")) == QUERY


@pytest.mark.parametrize(("start", "text"), [("\ufeff", ""), ("", r"\ud83d")])
async def test_id_is_read_from_unusual_json(start: str, text: str) -> None:
    known = queries()
    answer = FhirResponse(201, body=f'{start}{{"name":"{text}","id":"{ID}"}}'.encode())
    await known.add(operation(SqlAction.ASYNC), answer, QUERY)
    assert await known.find(operation(SqlAction.READ, ID)) == QUERY
