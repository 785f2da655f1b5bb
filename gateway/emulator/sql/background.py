"""Work that goes on after a response: async queries by the clock, runs of registered queries, webhooks."""

import asyncio

from gateway.emulator.sites import SITES
from gateway.emulator.sql.execution import SqlContext
from gateway.emulator.sql.progress import advance
from gateway.emulator.sql.queries import StoredQuery
from gateway.emulator.sql.registered import RegisteredQuery, run_registered
from gateway.emulator.sql.webhooks import build_notice, deliver
from gateway.emulator.state import EmulatorState


def sql_context(state: EmulatorState, guid: str) -> SqlContext:
    """Return a site with the settings in force."""
    return SqlContext(SITES[guid], state.settings, state.sql.log)


def advance_query(state: EmulatorState, query: StoredQuery) -> None:
    """Let an async query go on, and announce it if it has now succeeded."""
    was_finished = query.is_finished
    advance(query, sql_context(state, query.site), state.clock())
    state.sql.queries.trim()
    if query.status == "successful" and not was_finished:
        notify(state, query.site, query.id, "async")


def start_query(state: EmulatorState, query: StoredQuery) -> None:
    """Let an async query enter its first state, and finish by itself if the clock moves it."""
    advance_query(state, query)
    if state.settings.variants_at(query.site).sql_progress == "clock" and not query.is_finished:
        state.sql.start_task(_finish_query(state, query))


def run_query(state: EmulatorState, query: RegisteredQuery) -> None:
    """Execute a registered query once, and announce the run if it succeeded."""
    is_changed = run_registered(query, sql_context(state, query.site), state.clock())
    state.sql.registered.trim()
    if is_changed or (is_changed is False and state.settings.webhook_runs == "every"):
        notify(state, query.site, query.id, "registered")


def start_registered(state: EmulatorState, query: RegisteredQuery) -> None:
    """Run a registered query at its frequency, if the settings say so."""
    if state.settings.registered_runs == "clock":
        state.sql.start_task(_run_repeatedly(state, query))


def notify(state: EmulatorState, site: str, query_id: str, source: str) -> None:
    """Announce a completed query to all receivers."""
    notice = build_notice(site, query_id, source, state.clock())
    store, scale = state.sql, state.settings.time_scale
    for webhook in state.settings.webhooks:
        store.start_task(deliver(webhook, notice, scale, state.clock, store.deliveries.append))


async def _finish_query(state: EmulatorState, query: StoredQuery) -> None:
    """Move a query on as its states become due; an emulator whose clock stands still leaves it to polls."""
    step = state.settings.variants_at(query.site).sql_state_seconds
    for _ in query.plan:
        await asyncio.sleep(step)
        advance_query(state, query)


async def _run_repeatedly(state: EmulatorState, query: RegisteredQuery) -> None:
    registration = query.registration
    for _ in range(max(1, registration.duration // registration.frequency)):
        if query.status != "enabled" or state.sql.registered.find_any(query.id) is None:
            return
        run_query(state, query)
        await asyncio.sleep(registration.frequency * state.settings.time_scale)
