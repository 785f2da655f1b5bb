"""Polls held open: the status of a query is polled on the client's behalf until it is final.

`GET …/queries/{id}` with `Prefer: wait=N` (RFC 7240 section 4.3) is answered when the query has reached a
final state, or after N seconds, at most 30, with Halo's last answer. A further poll that fails in a way
that says nothing of the query is no answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler
from gateway.http.callers import is_background
from gateway.http.headers import CREDENTIALS, SENT_HEADERS
from gateway.http.preferences import preferred_wait
from gateway.http.proved_callers import caller_of
from gateway.sql.operation import SqlAction, parse_operation
from gateway.sql.poll_schedule import (
    held_seconds,
    is_passing,
    is_pending,
    is_unsent,
    next_poll,
    pause_after,
)
from gateway.stores.single_flight import SingleFlight

#: Maximum numbers of polls held open at a time: of all callers, and of one; any further is answered at once.
MAX_HELD, MAX_HELD_PER_CALLER = 200, 50
#: Interactive requests of the same key go before the further polls (RFC 9218).
_BACKGROUND = ("priority", "u=7")
#: Share of the rest of the hold for which a further poll lets them; then it takes its turn among them.
_BACKGROUND_SHARE = 0.5


def is_held(request: FhirRequest) -> bool:
    """Whether a client wants an answer only once its query is final."""
    return _held_seconds(request) > 0


class HeldPolls:
    """Holds polls open. Each poll upstream passes the inner handlers, with their pauses and rates.

    `proved_caller_of` returns the caller among whom places are dealt out. `has_ended` is set when the gateway
    ends: then every poll is answered at once. Equal polls of one caller at one time share one upstream poll,
    which ends with the last of its clients.
    """

    def __init__(
        self,
        inner: Handler,
        proved_caller_of: Callable[[FhirRequest], str],
        has_ended: asyncio.Event,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._proved_caller_of = proved_caller_of
        self._has_ended = has_ended
        self._clock = clock
        self._jitter = jitter
        self._held_by_caller: Counter[str] = Counter()
        self._shared_polls = SingleFlight[FhirResponse](0)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, to a held poll the last of several. Raises the first Failure."""
        seconds, caller = _held_seconds(request), self._proved_caller_of(request)
        if not seconds or self._is_full(caller):
            return await self._inner(request)
        with self._hold(caller):
            response = await self._poll_until(request, self._clock() + seconds)
        return response.with_header("preference-applied", f"wait={seconds}")

    @property
    def held_count(self) -> int:
        """Number of polls held open."""
        return self._held_by_caller.total()

    def _is_full(self, caller: str) -> bool:
        return self.held_count >= MAX_HELD or self._held_by_caller[caller] >= MAX_HELD_PER_CALLER

    @contextmanager
    def _hold(self, caller: str) -> Iterator[None]:
        self._held_by_caller[caller] += 1
        try:
            yield
        finally:
            self._held_by_caller[caller] -= 1
            if not self._held_by_caller[caller]:
                del self._held_by_caller[caller]

    async def _poll_until(self, request: FhirRequest, end: float) -> FhirResponse:
        """Poll until the state is final or the time is over. The first answer is awaited in any case."""
        response, polls = await self._poll(request), 1
        failure: Failure | None = None
        while is_pending(response.body):
            remaining = end - self._clock()
            wait = next_poll(polls, remaining, self._jitter(), pause_after(failure))
            pause = remaining if wait is None and failure else wait or 0
            if await self._has_ended_within(pause) or wait is None:
                break
            further = _further_poll(request, self._clock(), end, is_late=is_unsent(failure))
            response, failure = await self._poll_again(further, response, end)
            polls += 1
        return response

    async def _poll_again(
        self, request: FhirRequest, known: FhirResponse, end: float
    ) -> tuple[FhirResponse, Failure | None]:
        """Return the newest answer, and why it is the known one. Raises a Failure that does not pass."""
        try:
            newer = await self._before(end, self._poll(request))
        except Failure as failure:
            use = known.upstream_use.plus(failure.upstream_use)
            if not is_passing(failure):
                raise failure.with_upstream_use(use) from failure.__cause__
            return known.with_upstream_use(use), failure
        return newer.with_upstream_use(known.upstream_use.plus(newer.upstream_use)) if newer else known, None

    async def _poll(self, request: FhirRequest) -> FhirResponse:
        """Poll once, or share the poll of an equal request, which names the upstream request as its own."""
        key, send = _poll_key(request), partial(self._inner, request)
        response, is_shared = await self._shared_polls.run(key, send, lambda: None)
        return response.with_upstream_use(NO_USE) if is_shared else response

    async def _before(self, end: float, poll: Coroutine[Any, Any, FhirResponse]) -> FhirResponse | None:
        """Return the answer to a poll; None if the hold or the gateway ends first, which cancels the poll."""
        polling, ending = asyncio.create_task(poll), asyncio.create_task(self._has_ended.wait())
        try:
            timeout = max(end - self._clock(), 0)
            await asyncio.wait((polling, ending), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            return polling.result() if polling.done() else None
        finally:
            polling.cancel()
            ending.cancel()
            await asyncio.gather(polling, ending, return_exceptions=True)

    async def _has_ended_within(self, seconds: float) -> bool:
        """Wait, and return whether the gateway has begun to end."""
        try:
            async with asyncio.timeout(seconds):
                return await self._has_ended.wait()
        except TimeoutError:
            return False


def _further_poll(request: FhirRequest, now: float, end: float, *, is_late: bool) -> FhirRequest:
    """Return a poll that may wait for its turn within the hold.

    It goes behind the interactive requests, but not for all of the hold: they may be so many that it would
    never be sent.
    """
    if is_late:
        return request.replace(deadline=end)
    headers = (*request.headers, _BACKGROUND)
    return request.replace(headers=headers, deadline=now + (end - now) * _BACKGROUND_SHARE)


def _held_seconds(request: FhirRequest) -> int:
    seconds = held_seconds(preferred_wait(request))
    operation = parse_operation(request.method, request.path) if seconds else None
    return seconds if operation and operation.action is SqlAction.READ else 0


def _poll_key(request: FhirRequest) -> str:
    """Key of equal polls: the caller, the URL, each header field that reaches the upstream, the priority."""
    fields = sorted(
        header for header in request.headers if header[0] in SENT_HEADERS and header[0] not in CREDENTIALS
    )
    priority = is_background(request.headers)
    return repr((caller_of(request), request.method, request.upstream_url, fields, priority))
