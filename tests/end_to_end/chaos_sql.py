"""SQL clients of the chaos test, beside the FHIR clients of the same keys, and what is judged of them."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from end_to_end.chaos_clients import Client, Ending, LoadBalancer, has_unknown_outcome
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_world import KEYS, MOUNTS

#: Part of the path of every SQL query.
QUERIES = "/queries/"
SELECT = {"type": "text", "text": "SELECT 1"}


@dataclass
class SqlQuery:
    """A query that was submitted, by the id of its request, and its outcome for the client."""

    site: str
    id: str
    changes: bool
    ending: Ending = "unknown"


class SqlClient(Client):
    """Submits immediate queries: some read, some file a note by a stored procedure."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.queries: list[SqlQuery] = []

    async def act(self) -> None:
        changes = self.random.random() < 0.5
        body = msgspec.json.encode(
            {"command": self._note() if changes else SELECT, "maxTimeInQueue": 0, "unknown": [1.0]}
        )
        path = f"{MOUNTS[self.site]}/integrator/sites/{self.site}{QUERIES}immediate"
        headers = self.headers | {"content-type": "application/json"}
        call, response = await self.balancer.send(self, "POST", path, headers, body)
        query = SqlQuery(self.site, call.id, changes)
        self.queries.append(query)
        if response is None:
            return
        if response.status_code < 400:
            query.ending = "done"
            self._check_result(response.content)
            return
        call.code = self.balancer.oracle.check_error_response(response)
        query.ending = "unknown" if has_unknown_outcome(response) else "refused"
        wait = float(response.headers.get("retry-after", "1"))
        await asyncio.sleep(min(3.0, self.plan.scale(wait, 0.05)))

    def _note(self) -> dict[str, Any]:
        note = f"Zzyzx {UUID(int=self.random.getrandbits(128))}"
        parameters = [
            {"name": "@PatientId", "direction": "input", "type": "Int", "value": "1"},
            {"name": "@Note", "direction": "input", "type": "NVarChar", "value": note},
            {"name": "@NoteId", "direction": "output", "type": "Int", "value": None},
        ]
        return {
            "type": "storedProcedure",
            "text": "dbo.AddNote",
            "executionMode": "nonQuery",
            "parameters": parameters,
        }

    def _check_result(self, content: bytes) -> None:
        result = msgspec.json.decode(content)
        if (result.get("siteId"), result.get("status")) != (self.site, "successful"):
            self.balancer.oracle.report_error("a SQL result of another site, or none")


def create_sql_clients(balancer: LoadBalancer, plan: Plan) -> list[SqlClient]:
    """One SQL client of each site."""
    return [SqlClient(f"sql {site[-4:]}", site, balancer, plan, pause=0.2) for site in KEYS]


def sql_lines(queries: Iterable[SqlQuery], requests: Iterable[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Lines about SQL queries, of which none may be lost or sent twice; `requests` reached the emulator."""
    reached = [request for request in requests if QUERIES in request["path"]]
    sent = Counter(request["headers"].get("x-request-id", "") for request in reached)
    ran = Counter(
        request["headers"].get("x-request-id", "") for request in reached if request["charge"] == "paid"
    )
    twice = [name for name, number in sent.items() if number > 1]
    yield f"SQL queries sent upstream {len(sent)}, twice {len(twice)}", not twice
    allowed = {"done": {1}, "unknown": {0, 1}, "refused": {0}}
    changes = [query for query in queries if query.changes]
    for ending in allowed:
        named = [query for query in changes if query.ending == ending]
        yield (
            f"SQL changes {ending}: {len(named)}, of these run {sum(ran[query.id] for query in named)}",
            True,
        )
    errors = [query for query in changes if ran[query.id] not in allowed[query.ending]]
    yield f"SQL changes lost, or run in spite of an error: {errors[:5] or 'none'}", not errors
