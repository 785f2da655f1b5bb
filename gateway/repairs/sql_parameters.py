"""Handler that sends stored procedures with large parameters as SQL text (repair `sql-parameter-conversion`).

What a site refuses to convert all the same is sent once more, with all its values in the text: the refusal
comes before the database, so nothing has run. No other POST is ever sent twice. If the text is accepted, the
site needs a wider scope, also for others: a text has the same effect as the procedure that it executes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from gateway.errors.failure import Failure, call_after
from gateway.exchange import FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.repairs.conversion_scopes import ConversionScopes, wider_scope
from gateway.repairs.return_values import ReturnValues
from gateway.repairs.rewrite_queue import RewriteRequest, contains, has_only_short_strings
from gateway.repairs.sql_parameter_conversion import ID, contains_refusal, is_refusal
from gateway.repairs.submitted_queries import SubmittedQueries, SubmittedQuery
from gateway.sql.charset import is_utf8
from gateway.sql.declarations import SMALL
from gateway.sql.operation import SqlAction, SqlOperation, parse_operation
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, Scope

#: Operations whose answers have parameters, or say that the practice refused a command.
_RESULTS: Final = frozenset({SqlAction.READ, SqlAction.PAGE, SqlAction.REGISTERED_RESULT})
#: The whole string: a text that mentions it has no need of a rewrite. In another spelling, Halo's is unknown.
_PROCEDURE: Final = b'"storedProcedure"'
#: As `resilience/retry.py` names the attempts; it never repeats a POST.
_TWO_ATTEMPTS: Final = ("gateway-attempts", "2")


class RewriteCounts(Protocol):
    """Counts of what became of commands."""

    def count_outcome(self, outcome: str) -> None:
        """Count a command of a stored procedure: `rewritten`, `resent`, or why it was left alone."""
        ...

    def count_response(self, request: FhirRequest, *, is_fired: bool) -> None:
        """Count a response that the repair examined, and whether the repair changed it or its request."""
        ...


@dataclass(frozen=True, slots=True)
class _Command:
    """A command of a stored procedure as the client sent it, and how it is sent to the site."""

    operation: SqlOperation
    original: FhirRequest
    scope: Scope
    rewriting: Rewritten | LeftAlone

    @property
    def outcome(self) -> str:
        """`rewritten`, or why it is left alone."""
        return "rewritten" if isinstance(self.rewriting, Rewritten) else self.rewriting.reason.value

    @property
    def is_rewritten(self) -> bool:
        """Whether it is sent as text."""
        return isinstance(self.rewriting, Rewritten)

    @property
    def request(self) -> FhirRequest:
        """The request to send: the client's own if the command is left alone."""
        if isinstance(self.rewriting, Rewritten):
            return self.original.replace(body=self.rewriting.body)
        return self.original

    @property
    def return_name(self) -> str:
        """Name of the output that the client expects as a return value; empty if there is none."""
        return self.rewriting.return_name if isinstance(self.rewriting, Rewritten) else ""

    @property
    def wider_scope(self) -> Scope | None:
        """Scope that the site needs if it refuses the command; None if that would change nothing."""
        return wider_scope(self.scope, is_rewritten=self.is_rewritten)

    @property
    def taught_scope(self) -> Scope | None:
        """Scope that a refusal of the command teaches; None if the site may have found a value large."""
        return self.wider_scope if len(self.original.body) <= SMALL else None


class SqlParameters:
    """Rewrites commands, and gives their return values back.

    `is_proved`: whether the upstream has served the caller of a request, at a site. `rewrite` raises the
    Failure of a request that would not be sent, or that waits too long.
    """

    def __init__(
        self,
        inner: Handler,
        scopes: ConversionScopes,
        queries: SubmittedQueries,
        counts: RewriteCounts,
        is_proved: Callable[[FhirRequest, str], bool],
        rewrite: RewriteRequest,
    ) -> None:
        self._inner = inner
        self._scopes = scopes
        self._queries = queries
        self._counts = counts
        self._is_proved = is_proved
        self._rewrite_request = rewrite
        self._return_values = ReturnValues()

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises the inner Failure, and 503 if too many commands wait."""
        operation = parse_operation(request.method, request.path)
        if operation is not None and operation.is_submission:
            return await self._submit(request, operation)
        if operation is not None and operation.action in _RESULTS:
            return await self._read(request, operation)
        return await self._inner(request)

    async def _submit(self, request: FhirRequest, operation: SqlOperation) -> FhirResponse:
        scope = await self._scopes.scope_at(operation.guid)
        if scope is None or not await contains(request.body, _PROCEDURE):
            return await self._inner(request)
        command = _Command(operation, request, scope, await self._rewrite(request, scope))
        self._counts.count_outcome(command.outcome)
        try:
            response = await self._inner(command.request)
        except Failure as failure:
            second = await self._second_command(command, failure)
            if second is None:
                raise self._count_failure(failure, command) from failure.__cause__
            use = failure.upstream_use
        else:
            return await self._finish(command, response)
        return await self._send_again(command, second, use)

    async def _second_command(self, first: _Command, failure: Failure) -> _Command | None:
        """Return the command as text if the practice has refused it unseen, and not yet as this text."""
        if first.wider_scope is None or not is_refusal(failure):
            return None
        if await asyncio.to_thread(contains_refusal, first.original.body):
            return None
        try:
            rewriting = await self._rewrite(first.original.after(failure.upstream_use), "all")
        except Failure:  # too many wait: the refusal is the answer
            return None
        second = replace(first, scope="all", rewriting=rewriting)
        return second if second.is_rewritten and second.request.body != first.request.body else None

    async def _send_again(self, first: _Command, second: _Command, use: UpstreamUse) -> FhirResponse:
        self._counts.count_outcome("resent")
        try:
            response = await call_after(use, self._inner, second.request)
        except Failure as failure:
            raise _with_attempts(self._count_failure(failure, second)) from failure.__cause__
        finished = await self._finish(second, response)
        if first.taught_scope is not None:
            await self._scopes.learn(first.operation.guid, first.taught_scope)
        return finished.with_header(*_TWO_ATTEMPTS)

    async def _rewrite(self, request: FhirRequest, scope: Scope) -> Rewritten | LeftAlone:
        """Rewrite the body of a request. Raises Failure if too many wait, or if it would not be sent."""
        if scope == "large" and has_only_short_strings(request.body, SMALL):
            return LeftAlone(Reason.NOT_NEEDED)
        if not is_utf8(value for name, value in request.headers if name == "content-type"):
            return LeftAlone(Reason.CHARSET)
        return await self._rewrite_request(request, scope)

    async def _finish(self, command: _Command, response: FhirResponse) -> FhirResponse:
        """Remember what later answers need, and return the answer to the submission."""
        query = SubmittedQuery(command.return_name, command.taught_scope or "")
        await self._queries.add(command.operation, response, query)
        self._counts.count_response(command.original, is_fired=command.is_rewritten)
        if not command.is_rewritten:
            return response
        if command.operation.action is SqlAction.IMMEDIATE:
            await self._scopes.confirm_text(command.operation.guid)
        return _with_repair_id(await self._return_values.restore(response, command.return_name))

    def _count_failure(self, failure: Failure, command: _Command) -> Failure:
        """Count a failed command, unless it was not sent, and return its failure, which names the repair."""
        if failure.upstream_response is None and not failure.kind.may_have_run:
            return failure
        self._counts.count_response(command.original, is_fired=command.is_rewritten)
        return failure.with_applied_repair(ID) if command.is_rewritten else failure

    async def _read(self, request: FhirRequest, operation: SqlOperation) -> FhirResponse:
        query = await self._queries.find(operation)
        if query.is_ordinary:
            return await self._inner(request)
        try:
            response = await self._inner(request)
        except Failure as failure:
            guid, is_refused = operation.guid, is_refusal(failure, is_poll=True)
            if query.wider_scope and is_refused and self._is_proved(request, guid):
                await self._scopes.learn(guid, query.wider_scope)
            raise
        changed = await self._return_values.restore(response, query.return_name)
        if changed is response:
            return response
        await self._scopes.confirm_text(operation.guid)
        return _with_repair_id(changed)


def _with_attempts(failure: Failure) -> Failure:
    """Return the failure of a command that was sent twice."""
    response = failure.upstream_response
    counted = failure.with_headers(_TWO_ATTEMPTS)
    return counted.with_response(response.with_header(*_TWO_ATTEMPTS)) if response else counted


def _with_repair_id(response: FhirResponse) -> FhirResponse:
    """Return a response that names this repair."""
    return response.replace(applied_repairs=(*response.applied_repairs, ID))
