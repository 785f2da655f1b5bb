"""Asynchronous requests: accepted with 202, polled at `/fhir/RequestResult/{id}`, deleted there."""

from collections.abc import Callable
from secrets import token_hex

from starlette.responses import Response

from gateway.emulator.health_gorilla.errors import (
    CONCURRENT_TEXT,
    GorillaError,
    fhir_response,
    operation_outcome,
)
from gateway.emulator.health_gorilla.state import GorillaState, Job, add_bounded


def accept_job(
    state: GorillaState, client: str, origin: str, execute: Callable[[], Response], *, is_p360: bool
) -> Response:
    """Execute a request, keep its result for polls, and return 202 with the URL of its status.

    Raises GorillaError (429) if the client has too many p360 processes.
    """
    running = sum(job.is_p360 and job.client == client and job.polls_left > 0 for job in state.jobs.values())
    if is_p360 and running >= state.settings.concurrent_p360:
        raise GorillaError("p360-limit", CONCURRENT_TEXT)
    try:
        result = execute()
    except GorillaError as error:
        result = error.response()
    identity = token_hex(12)
    add_bounded(state.jobs, identity, Job(client, result, state.settings.polls, is_p360))
    url = f"{origin}/fhir/RequestResult/{identity}"
    return _in_progress({"location": url, "content-location": url})


def job_response(state: GorillaState, client: str, method: str, identity: str) -> Response:
    """Return the state or the result of a job, or delete it. Raises GorillaError (404 or 405)."""
    job = state.jobs.get(identity)
    if job is None or job.client != client:
        raise GorillaError("not-found")
    if method == "DELETE":
        del state.jobs[identity]
        return Response(status_code=204)
    if method not in {"GET", "HEAD"}:
        raise GorillaError("method-not-allowed", headers={"allow": "GET, HEAD, DELETE"})
    if job.polls_left > 0:
        job.polls_left -= 1
        return _in_progress({"x-progress": "in progress"})
    return Response(job.result.body, job.result.status_code, dict(job.result.headers))


def _in_progress(headers: dict[str, str]) -> Response:
    outcome = operation_outcome("informational", "The request is in progress", severity="information")
    return fhir_response(outcome, 202, headers)
