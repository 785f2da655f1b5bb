"""Replicas in the responses to operators' changes."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.operators import route_response

from gateway.admin.reach import fields_with_reach, with_reach
from gateway.stores.replicas import MissedReplica, Reach

pytestmark = pytest.mark.anyio
AS_OF = "2026-04-01T00:00:00+00:00"
PURGE = {"asOf": AS_OF, "purged": "site", "longestAge": 3_600}
MISSED = {"replica": "b", "reason": "silent"}


class Table:
    """Replicas with a fixed reach."""

    def __init__(self, reach: Reach) -> None:
        self.reach, self.checks = reach, 0

    async def check_reach(self) -> Reach:
        self.checks += 1
        return self.reach


def routes(table: Table, status: int = 200, path: str = "/admin/purge") -> list[Route]:
    async def endpoint(_: Request) -> Response:
        return JSONResponse(PURGE, status)

    return with_reach([Route(path, endpoint, methods=["POST"])], table)


async def test_change_at_all_replicas_is_200() -> None:
    response = await route_response(routes(Table(Reach(("a", "b")))), "POST", "/admin/purge")
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert response.json() == {"asOf": AS_OF, "purged": "site", "reached": ["a", "b"], "notReached": []}


async def test_change_that_misses_a_replica_is_503() -> None:
    table = Table(Reach(("a",), (MissedReplica("b", "silent"),)))
    response = await route_response(routes(table), "POST", "/admin/purge")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json() == {
        "asOf": AS_OF,
        "purged": "site",
        "reached": ["a"],
        "notReached": [MISSED],
        "oldResponsesUntil": "2026-04-01T01:00:00+00:00",
    }


@pytest.mark.parametrize(("status", "path"), [(400, "/admin/purge"), (200, "/admin/other")])
async def test_other_responses_ask_no_replica(status: int, path: str) -> None:
    table = Table(Reach(("a",)))
    response = await route_response(routes(table, status, path), "POST", path)
    assert (response.status_code, response.json(), table.checks) == (status, PURGE, 0)


@pytest.mark.parametrize(("purged", "is_missed"), [("patient", True), ("type", False), ("site", False)])
def test_only_a_patient_purge_misses_other_keys(purged: str, *, is_missed: bool) -> None:
    fields = fields_with_reach({**PURGE, "purged": purged}, Reach(("a",), (), ("b",)))
    assert (fields["reached"], fields["notReached"]) == (
        (["a"], [{"replica": "b", "reason": "other-keys"}]) if is_missed else (["a", "b"], [])
    )
    assert ("oldResponsesUntil" in fields) is is_missed


def test_worker_without_answer_is_not_reached() -> None:
    fields: dict[str, Any] = {"asOf": AS_OF, "reset": [], "missingWorkers": [2, 3]}
    reach = Reach(("h process 7 worker 1", "h process 7 worker 3"), (MissedReplica("g", "silent"),))
    assert fields_with_reach(fields, reach) == {
        "asOf": AS_OF,
        "reset": [],
        "reached": ["h process 7 worker 1"],
        "notReached": [
            {"replica": "h process 7 worker 2", "reason": "no-answer"},
            {"replica": "h process 7 worker 3", "reason": "no-answer"},
            {"replica": "g", "reason": "silent"},
        ],
    }


@pytest.mark.parametrize(
    ("reach", "workers", "reached", "missed"),
    [
        (Reach(("h", "h"), (MissedReplica("h", "silent"),)), [], ["h", "h"], ["silent"]),
        (Reach(("h",), (MissedReplica("h", "silent"),) * 2), [], ["h"], ["silent", "silent"]),
        (Reach(("h worker 1", "h worker 2", "h worker 2")), [2], ["h worker 1", "h worker 2"], ["no-answer"]),
        (Reach(("h worker 1",), (MissedReplica("h worker 2", "silent"),)), [2], ["h worker 1"], ["silent"]),
    ],
)
def test_replicas_of_one_name_are_each_told(
    reach: Reach, workers: list[int], reached: list[str], missed: list[str]
) -> None:
    fields = fields_with_reach({"missingWorkers": workers}, reach)
    assert (fields["reached"], [each["reason"] for each in fields["notReached"]]) == (reached, missed)
