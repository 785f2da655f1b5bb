"""Endpoints below `/integrator/sites/{guid}/queries` and `/desktop/sites/{guid}/queries`."""

from typing import Any, Final, Literal
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.errors import NO_OPERATION, NOT_FOUND
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sql.background import advance_query, sql_context, start_query
from gateway.emulator.sql.commands import (
    ASYNC_QUEUE,
    IMMEDIATE_QUEUE,
    Submission,
    bad_body,
    parse_object,
    parse_query,
)
from gateway.emulator.sql.execution import conversion_error, refuse_at_submission
from gateway.emulator.sql.json_text import sql_json_response
from gateway.emulator.sql.progress import execute_immediate, force_state
from gateway.emulator.sql.queries import RESULT_LIFETIME_SECONDS, SqlCaller, StoredQuery
from gateway.emulator.sql.query_error import QueryError
from gateway.emulator.sql.registered_endpoints import RegisteredEndpoints
from gateway.emulator.sql.rendering import async_json, immediate_json
from gateway.emulator.sql.results import Page, Result
from gateway.emulator.state import EmulatorState

GONE: Final = "Access to the target resource is permanently no longer available at the origin server."
#: Halo documents no limit; this one is the emulator's own.
_MAX_BATCH: Final = 1_000


def sql_response(
    state: EmulatorState, request: Request, caller: SqlCaller, path: list[str], body: bytes
) -> Response:
    """Return the response of one endpoint. Raises Refusal."""
    if len(body) > state.settings.variants_at(caller.site.guid).sql_max_request:
        raise Refusal("apim", 413, "Request body is larger than the limit.", "too-costly")
    if path[:1] == ["registered"]:
        return RegisteredEndpoints(state, caller).respond(request, path[1:], body)
    return QueryEndpoints(state, caller).respond(request, path, body)


class QueryEndpoints:
    """Immediate and async queries of one caller."""

    def __init__(self, state: EmulatorState, caller: SqlCaller) -> None:
        self.state = state
        self.caller = caller

    def respond(self, request: Request, path: list[str], body: bytes) -> Response:
        """Return the response of one endpoint. Raises Refusal."""
        match "GET" if request.method == "HEAD" else request.method, path:
            case "POST", ["immediate"]:
                return self._immediate(request, body)
            case "POST", ["async"]:
                return self._submit_async(request, body)
            case "POST", ["status"] if self.caller.api == "integrator":
                return sql_json_response({"results": [self._batch_line(each) for each in _query_ids(body)]})
            case "GET", [query_id]:
                return sql_json_response(self._query_json(self._find(query_id)))
            case "GET", [query_id, "results", number]:
                result, page = self._page(query_id, number)
                return sql_json_response(result.content(page), headers=page.headers())
            case "GET", [query_id, "results", number, "stream"] if self.caller.api == "integrator":
                return Response(self._page(query_id, number)[1].data, media_type="application/json")
        raise Refusal("apim", 404, NO_OPERATION, "not-found")

    def _immediate(self, request: Request, body: bytes) -> Response:
        submission = parse_query(body, IMMEDIATE_QUEUE)
        query = self._new_query(submission, "immediate")
        context = sql_context(self.state, self.caller.site.guid)
        if error := conversion_error(context, submission):
            refuse_at_submission(context, error)
            request.state.is_executed = False
            query.error, query.entered = error, [("executionFailed", query.created)]
        else:
            execute_immediate(query, context, self.state.clock())
        response = immediate_json(query, old_engine=self.caller.site.old_engine)
        query.command = query.result = None
        self.state.sql.queries.add(query)
        if query.error is None:
            return sql_json_response(response)
        request.state.refusal_status = _http_status(query.error)
        return sql_json_response(response, 200 if self.caller.site.old_engine else _http_status(query.error))

    def _submit_async(self, request: Request, body: bytes) -> Response:
        submission = parse_query(body, ASYNC_QUEUE)
        context = sql_context(self.state, self.caller.site.guid)
        if error := conversion_error(context, submission):
            refuse_at_submission(context, error)
        query = self._new_query(submission, "async")
        if error := error or getattr(request.state, "deferred_error", None):
            force_state(query, "executionFailed", error)
        elif self.state.sql.forced:
            force_state(query, *self.state.sql.forced.popleft())
        self.state.sql.queries.add(query)
        start_query(self.state, query)
        return sql_json_response(async_json(query), 201)

    def _new_query(self, submission: Submission, mode: Literal["immediate", "async"]) -> StoredQuery:
        return StoredQuery(
            id=str(uuid4()),
            owner=self.caller.owner,
            site=self.caller.site.guid,
            mode=mode,
            created=self.state.clock(),
            command=submission.command,
            command_size=len(submission.command["text"]),
            request_size=submission.request_size,
            max_time_in_queue=submission.max_time_in_queue,
        )

    def _find(self, query_id: str) -> StoredQuery:
        query = self.state.sql.queries.find(query_id, self.caller.site.guid, self.caller.owner)
        if query is None:
            raise Refusal("wrapped", 404, NOT_FOUND, "not-found")
        return query

    def _query_json(self, query: StoredQuery) -> dict[str, Any]:
        """Return a query after it has moved on; an immediate query's result is not repeated."""
        if query.mode == "immediate":
            return immediate_json(query, old_engine=self.caller.site.old_engine)
        advance_query(self.state, query)
        return async_json(query)

    def _batch_line(self, query_id: str) -> dict[str, Any]:
        query = self.state.sql.queries.find(query_id, self.caller.site.guid, self.caller.owner)
        if query is None:
            return {"queryId": query_id, "status": "notFound"}
        return {"queryId": query_id, "status": "found", "query": self._query_json(query)}

    def _page(self, query_id: str, number: str) -> tuple[Result, Page]:
        query = self._find(query_id)
        if not number.isdecimal() or int(number) < 1:
            raise bad_body("pageNumber must be at least 1.")
        if query.status != "successful" or query.result is None or int(number) > len(query.result.pages):
            raise Refusal("wrapped", 404, NOT_FOUND, "not-found")
        if (self.state.clock() - query.updated_at).total_seconds() >= RESULT_LIFETIME_SECONDS:
            raise Refusal("wrapped", 410, GONE, "not-found")
        return query.result, query.result.pages[int(number) - 1]


def _http_status(error: QueryError) -> int:
    """HTTP status of a failed immediate query: 413 for a too large result, otherwise 400."""
    return 413 if (error.errorType, error.errorCode) == ("http", 413) else 400


def _query_ids(body: bytes) -> list[str]:
    ids = parse_object(body).get("queryIds")
    if not isinstance(ids, list) or len(ids) > _MAX_BATCH or not all(map(_is_uuid, ids)):
        raise bad_body(f"queryIds must be an array of at most {_MAX_BATCH} query ids.")
    return ids


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False
