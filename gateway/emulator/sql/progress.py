"""Progress of a query through its states, by the clock or by polls."""

from datetime import datetime
from typing import Final

from gateway.emulator.errors import too_large_refusal
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sql.execution import SqlContext, run_command
from gateway.emulator.sql.queries import PLANS, StoredQuery
from gateway.emulator.sql.query_error import HALO_LINK_ERRORS, QueryError
from gateway.emulator.sql.results import Result, build_result

#: Errors of failures that a control call forces without naming one.
_DEFAULT_ERRORS: Final = {
    "executionFailed": QueryError("mssql", -2, "Execution Timeout Expired."),
    "uploadFailed": HALO_LINK_ERRORS[5],
}


def advance(query: StoredQuery, context: SqlContext, now: datetime) -> None:
    """Let an async query enter the states that are due, and execute its command on the way."""
    variants = context.settings.variants_at(context.site.guid)
    due = len(query.entered) + 1
    if variants.sql_progress == "clock":
        elapsed, step = (now - query.created).total_seconds(), variants.sql_state_seconds
        due = 1 + int(elapsed / step) if step else len(query.plan)
    while not query.is_finished and len(query.entered) < due:
        _enter_next(query, context, now)


def execute_immediate(query: StoredQuery, context: SqlContext, now: datetime) -> None:
    """Execute an immediate query. Raises Refusal (400) where Halo Link fails before it asks the database."""
    outcome = _execute(query, context, page_size=None)
    limit = context.settings.site_override(context.site.guid).size_limit or context.site.size_limit
    if isinstance(outcome, Result) and outcome.size > limit:
        outcome = QueryError("http", 413, too_large_refusal(limit).text)
    if isinstance(outcome, QueryError):
        query.error = outcome
    else:
        query.result = outcome
    query.entered = [("executionFailed" if query.error else "successful", now)]


def force_state(query: StoredQuery, status: str, error: QueryError | None) -> None:
    """Let a query end in one state; one that is past it ends there at once, with its next advance."""
    query.plan, query.forced_error = PLANS[status], error
    del query.entered[len(query.plan) - 1 :]
    query.error = None


def _enter_next(query: StoredQuery, context: SqlContext, now: datetime) -> None:
    status = query.plan[len(query.entered)]
    query.entered.append((status, now))
    if status == "executing" and query.plan[-1] != "executionFailed":
        _execute_async(query, context)
    if status in _DEFAULT_ERRORS:
        query.error = query.error or query.forced_error or _DEFAULT_ERRORS[status]


def _execute_async(query: StoredQuery, context: SqlContext) -> None:
    try:
        outcome = _execute(query, context, context.settings.variants_at(context.site.guid).sql_page_size)
    except Refusal as refusal:
        outcome = QueryError("haloLink", 2, refusal.text)
    if isinstance(outcome, QueryError):
        query.error, query.plan = outcome, PLANS["executionFailed"]
    else:
        query.result = outcome


def _execute(query: StoredQuery, context: SqlContext, page_size: int | None) -> Result | QueryError:
    """Execute the command of a query once: it keeps none afterwards."""
    command, query.command = query.command, None
    if command is None:
        return query.result or HALO_LINK_ERRORS[3]
    execution = run_command(context, command)
    if isinstance(execution, QueryError):
        return execution
    return build_result(execution, command.get("executionMode", "reader"), page_size)
