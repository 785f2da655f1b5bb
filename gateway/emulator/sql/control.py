"""Control endpoints of SQL Passthrough under `/_emulator`, which Halo does not have."""

from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulator.sql.background import run_query
from gateway.emulator.sql.json_text import sql_json_response
from gateway.emulator.sql.progress import force_state
from gateway.emulator.sql.queries import PLANS
from gateway.emulator.sql.query_error import parse_query_error
from gateway.emulator.sql.store import ForcedState
from gateway.emulator.state import EmulatorState


class SqlControlApi:
    """Endpoints for the executions, forced states, runs and webhook deliveries of a running emulator."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of the control endpoints."""
        return [
            Route("/_emulator/executions", self.get_executions),
            Route("/_emulator/executions", self.clear_executions, methods=["DELETE"]),
            Route("/_emulator/queries/state", self.force_state, methods=["POST"]),
            Route("/_emulator/registered/{query_id}/run", self.run_registered, methods=["POST"]),
            Route("/_emulator/webhooks", self.get_deliveries),
        ]

    async def get_executions(self, _: Request) -> Response:
        """Return what procedures got, oldest first."""
        return sql_json_response(self.state.sql.log.runs())

    async def clear_executions(self, _: Request) -> Response:
        """Clear the record of executions: 204."""
        self.state.sql.log.clear()
        return Response(status_code=204)

    async def force_state(self, request: Request) -> Response:
        """Force the last state of one query (`id`), or of the next that is submitted: 204, 400 or 404."""
        try:
            fields = msgspec.json.decode(await request.body(), type=dict[str, Any])
            error = parse_query_error(fields["error"]) if fields.get("error") else None
        except (msgspec.DecodeError, ValidationError) as problem:
            return sql_json_response({"detail": str(problem)}, 400)
        status = str(fields.get("status"))
        if status not in PLANS:
            return sql_json_response({"detail": f"no such status; known: {', '.join(PLANS)}"}, 400)
        if "id" not in fields:
            self.state.sql.forced.append(ForcedState(status, error))
            return Response(status_code=204)
        query = self.state.sql.queries.find_any(str(fields["id"]))
        if query is None or query.mode != "async":
            return sql_json_response({"detail": "no such async query"}, 404)
        force_state(query, status, error)
        return Response(status_code=204)

    async def run_registered(self, request: Request) -> Response:
        """Execute a registered query once, or let the run fail (`error`): 200 with the query, 400 or 404."""
        query = self.state.sql.registered.find_any(request.path_params["query_id"])
        if query is None:
            return sql_json_response({"detail": "no such registered query"}, 404)
        try:
            body = msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
            query.next_error = parse_query_error(body["error"]) if "error" in body else query.next_error
        except (msgspec.DecodeError, ValidationError) as problem:
            return sql_json_response({"detail": str(problem)}, 400)
        run_query(self.state, query)
        return sql_json_response(query.as_json())

    async def get_deliveries(self, _: Request) -> Response:
        """Return the attempts to deliver webhooks, oldest first; status 0: no response."""
        return sql_json_response(list(self.state.sql.deliveries))
