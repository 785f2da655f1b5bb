"""Execution of a batch: every entry passes all handlers alone, reads some at a time, then writes in turn."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus

from msgspec import Raw

from gateway.batch.bundle import BatchEntry, batch_entries
from gateway.batch.entry_request import entry_request, unread_entry
from gateway.batch.entry_response import encode_batch_response, encode_entry
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, may_write
from gateway.settings import Settings

#: Reads of one batch in flight at a time: fewer than one caller may have at a site.
_READS_AT_A_TIME = 4
#: Seconds until an entry that found the queue of the practice full is sent again.
_RESEND_SECONDS = 0.25

#: Reports a failure before a handler ran, and returns its response.
Reject = Callable[[FhirRequest, Failure], FhirResponse]
#: Logs an entry with its response and the seconds that it took, once.
LogEntry = Callable[[FhirRequest, FhirResponse, float], None]


class BatchExecutor:
    """Sends the entries of a batch Bundle to `entry_handler`; `inner` gets every other request.

    `entry_handler` returns a response for every request, also for a failure. `reject` does so for an entry
    that is no valid request, and reports it. `log_entry` logs each entry with the response that it has in the
    end.
    """

    def __init__(
        self,
        inner: Handler,
        entry_handler: Handler,
        reject: Reject,
        settings: Settings,
        log_entry: LogEntry = lambda *_: None,
    ) -> None:
        self._inner = inner
        self._entry_handler = entry_handler
        self._reject = reject
        self._settings = settings
        self._log_entry = log_entry

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, or the batch-response."""
        if request.interaction.code != "transaction":
            return await self._inner(request)
        await asyncio.sleep(0)
        try:
            entries = batch_entries(request.body, self._settings.server.max_batch_entries)
        except Failure as failure:
            return self._reject(request, failure)
        if entries is None:
            return await self._inner(request)
        run = _BatchRun(request, self._entry_handler, self._reject, self._settings, self._log_entry)
        return await run.response_to(entries)


class _BatchRun:
    """One batch: the encoded responses to its entries so far, and what they mean for the next ones."""

    def __init__(
        self,
        batch: FhirRequest,
        entry_handler: Handler,
        reject: Reject,
        settings: Settings,
        log_entry: LogEntry,
    ) -> None:
        self._batch = batch
        self._entry_handler = entry_handler
        self._reject = reject
        self._settings = settings
        self._log_entry = log_entry
        self._requests: dict[int, FhirRequest] = {}
        self._entries: dict[int, Raw] = {}
        self._bytes, self._is_full = 0, False
        self._repairs: dict[str, None] = {}
        self._has_success = False
        self._one_start, self._one_lane = asyncio.Lock(), asyncio.Lock()
        self._is_crowded = False
        self._refusal: FhirResponse | None = None
        self._has_failed_write = False

    async def response_to(self, entries: Sequence[BatchEntry]) -> FhirResponse:
        """Return the batch-response, or the upstream's refusal of the credentials if nothing succeeded."""
        for number, entry in enumerate(entries):
            await asyncio.sleep(0)  # reading takes time: other requests run in between
            self._read_entry(number, entry)
        writes = [number for number, request in self._requests.items() if may_write(request)]
        if self._batch.effects:
            self._batch.effects.only_reads = not writes
        reads = iter([number for number in self._requests if number not in set(writes)])
        async with asyncio.TaskGroup() as lanes:
            for _ in range(_READS_AT_A_TIME):
                lanes.create_task(self._send_in_turn(reads))
        await self._send_in_turn(iter(writes))
        if self._refusal is not None and not self._has_success:
            return self._refusal.with_upstream_use(NO_USE)
        body = encode_batch_response([self._entries[number] for number in range(len(entries))])
        return FhirResponse(200, (("content-type", MEDIA_TYPE),), body, tuple(self._repairs))

    def _read_entry(self, number: int, entry: BatchEntry) -> None:
        try:
            self._requests[number] = entry_request(self._batch, entry, number, self._settings)
        except Failure as failure:
            unread = unread_entry(self._batch, entry, number)
            self._add(number, unread, self._reject(self._batch, failure))

    async def _send_in_turn(self, numbers: Iterator[int]) -> None:
        """Send requests one by one; the time of the upstream requests is no waiting time of the next."""
        use = NO_USE
        for number in numbers:
            async with self._one_start:
                await asyncio.sleep(0)  # an entry that is refused or cached does not wait by itself
            request, start = self._requests[number], _now()
            response = self._unsent_response(request)
            if response is None:
                response = await self._send(request.after(use))
                use = use.plus(response.upstream_use)
                self._note(request, response)
            self._add(number, request, response, _now() - start)

    async def _send(self, request: FhirRequest) -> FhirResponse:
        """Send an entry; after the first one that was refused as surplus, one at a time.

        Such an entry is sent again until its deadline, so that several batches finish one after the other.
        """
        response = None if self._is_crowded else await self._entry_handler(request)
        if response is not None and not _is_surplus(response):
            return response
        self._is_crowded = True
        async with self._one_lane:
            while response is None or (_is_surplus(response) and _has_time(request)):
                if response is not None:
                    await asyncio.sleep(_RESEND_SECONDS)
                response = await self._entry_handler(request)
            return response

    def _unsent_response(self, request: FhirRequest) -> FhirResponse | None:
        """Response to an entry that is not sent because of earlier ones; None if it is."""
        if self._refusal is not None:
            return self._refusal.with_upstream_use(NO_USE)
        is_write = may_write(request)
        if is_write and self._has_failed_write:
            return self._reject(request, Failure(catalog.BATCH_CHANGE_HELD))
        is_left_out = self._is_full and not is_write
        return self._reject(request, Failure(catalog.BATCH_RESPONSE_TOO_LARGE)) if is_left_out else None

    def _note(self, request: FhirRequest, response: FhirResponse) -> None:
        """Note what a response means for the entries that follow."""
        self._has_success |= response.status < HTTPStatus.BAD_REQUEST
        self._repairs |= dict.fromkeys(response.applied_repairs)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._refusal = response
        if may_write(request) and response.status in _MAY_HAVE_WRITTEN:
            self._has_failed_write = True

    def _add(self, number: int, request: FhirRequest, response: FhirResponse, seconds: float = 0.0) -> None:
        """Add the response to an entry; a result beyond the maximum size without its body, an error whole."""
        is_result = response.status < HTTPStatus.BAD_REQUEST
        if is_result and self._bytes + len(response.body) > self._settings.server.max_batch_response:
            self._is_full = True
            response = self._without_body(request, response)
        self._log_entry(request, response, seconds)
        if self._batch.effects:
            self._batch.effects.queries -= response.upstream_use.queries
        self._bytes += len(response.body)
        self._entries[number] = encode_entry(request, response)

    def _without_body(self, request: FhirRequest, response: FhirResponse) -> FhirResponse:
        """Return the response without its body: a write still succeeded, a read has no result."""
        if may_write(request):
            return response.replace(body=b"")
        rejection = self._reject(request, Failure(catalog.BATCH_RESPONSE_TOO_LARGE))
        return rejection.with_upstream_use(response.upstream_use)


def _now() -> float:
    """Seconds of the event loop's clock, which is the monotonic one of deadlines."""
    return asyncio.get_running_loop().time()


def _is_surplus(response: FhirResponse) -> bool:
    """Whether the gateway refused a request unsent because too many others run or wait."""
    is_unsent = response.status == catalog.GATEWAY_OVERLOADED.status and response.upstream_use == NO_USE
    return is_unsent and f'"{catalog.GATEWAY_OVERLOADED.code}"'.encode() in response.body


def _has_time(request: FhirRequest) -> bool:
    """Whether an entry may wait once more."""
    return _now() + _RESEND_SECONDS < request.deadline


#: Statuses of a write after which it is not certain that nothing was changed.
_MAY_HAVE_WRITTEN = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
