"""Endpoints below `/queries/registered`."""

from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.errors import NO_OPERATION, NOT_FOUND
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sql.background import sql_context, start_registered
from gateway.emulator.sql.commands import parse_registration
from gateway.emulator.sql.execution import conversion_error, refuse_at_submission
from gateway.emulator.sql.json_text import sql_json_response
from gateway.emulator.sql.queries import SqlCaller
from gateway.emulator.sql.registered import RegisteredQuery
from gateway.emulator.state import EmulatorState

#: The status of an accepted registration, by API.
_ACCEPTED: Final = {"integrator": 202, "desktop": 201}


class RegisteredEndpoints:
    """Registered queries of one caller."""

    def __init__(self, state: EmulatorState, caller: SqlCaller) -> None:
        self.state = state
        self.caller = caller

    def respond(self, request: Request, path: list[str], body: bytes) -> Response:
        """Return the response of one endpoint. Raises Refusal."""
        match "GET" if request.method == "HEAD" else request.method, path:
            case "POST", []:
                return self._register(request, body)
            case "GET", []:
                queries = self.state.sql.registered.list_of(self.caller.site.guid, self.caller.owner)
                return sql_json_response(
                    {"registeredQueries": [self._settle(query).as_json() for query in queries]}
                )
            case "GET", [query_id]:
                return sql_json_response(self._find(query_id).as_json())
            case "DELETE", [query_id]:
                return self._cancel(query_id)
            case "GET", [query_id, "results"]:
                result = self._find(query_id).result_json()
                if result is not None:
                    return sql_json_response(result)
                raise Refusal("wrapped", 404, NOT_FOUND, "not-found")
        raise Refusal("apim", 404, NO_OPERATION, "not-found")

    def _register(self, request: Request, body: bytes) -> Response:
        registration = parse_registration(body)
        context = sql_context(self.state, self.caller.site.guid)
        if error := conversion_error(context, registration.submission):
            refuse_at_submission(context, error)
        query = RegisteredQuery(
            str(uuid4()), self.caller.owner, self.caller.site.guid, registration, self.state.clock()
        )
        query.next_error = getattr(request.state, "deferred_error", None)
        self.state.sql.registered.add(query)
        start_registered(self.state, query)
        return sql_json_response({"id": query.id}, _ACCEPTED[self.caller.api])

    def _cancel(self, query_id: str) -> Response:
        query = self._find(query_id)
        if query.status != "enabled":
            raise Refusal("wrapped", 404, NOT_FOUND, "not-found")
        query.cancel(self.state.clock())
        return Response(status_code=204)

    def _find(self, query_id: str) -> RegisteredQuery:
        query = self.state.sql.registered.find(query_id, self.caller.site.guid, self.caller.owner)
        if query is None:
            raise Refusal("wrapped", 404, NOT_FOUND, "not-found")
        return self._settle(query)

    def _settle(self, query: RegisteredQuery) -> RegisteredQuery:
        query.settle(self.state.clock())
        return query
