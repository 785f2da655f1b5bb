"""Recorder of the shape log: a handler that notes each read and search after its response."""

from collections.abc import Callable

import structlog

from gateway.advice.shape_log import ShapeLog, ShapeRecord
from gateway.advice.shapes import criteria_text, is_page, shape_of
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.ledger.cost import Attribution

_log = structlog.get_logger()
_RECORDED_INTERACTIONS = frozenset({"read", "search-type"})
#: Header fields that make two entries of the cache out of one search.
_SPELLING_HEADERS = ("accept-language", "prefer")


class ShapeRecorder:
    """Notes reads and searches of callers with a name; `attribution_of` names site, caller and app."""

    def __init__(
        self,
        inner: Handler,
        log: ShapeLog,
        attribution_of: Callable[[FhirRequest], Attribution],
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._log = log
        self._attribution_of = attribution_of
        self._clock = clock

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises Failure."""
        if request.interaction.code not in _RECORDED_INTERACTIONS or request.site is None:
            return await self._inner(request)
        try:
            response = await self._inner(request)
        except Failure as failure:
            self._try_to_record(request, None, is_paid=failure.upstream_use.requests > 0)
            raise
        self._try_to_record(request, response, is_paid=response.upstream_use.requests > 0)
        return response

    def _try_to_record(self, request: FhirRequest, response: FhirResponse | None, *, is_paid: bool) -> None:
        """Note a request; a bug in doing so must not turn its response into an error."""
        try:
            self._record(request, response, is_paid=is_paid)
        except Exception as error:  # noqa: BLE001 - see above
            _log.error("advice-failed", exception=type(error).__name__)

    def _record(self, request: FhirRequest, response: FhirResponse | None, *, is_paid: bool) -> None:
        attribution = self._attribution_of(request)
        if attribution.is_unproved:
            return
        digest, search, act = self._log.digest, request.client_search, request.interaction
        same = f"{act.id} {criteria_text(search, act.type)}"
        headers = [request.header(name) for name in _SPELLING_HEADERS]
        body = response.body if response and is_paid and act.is_search else b""
        record = ShapeRecord(
            self._clock(),
            request.app,
            attribution.caller,
            attribution.site,
            act.type,
            shape_of(request),
            act.is_search,
            is_page(request),
            is_paid,
            len(response.body) if response else 0,
            body.count(b'"fullUrl"'),
            b'"next"' in body,
            digest(same),
            digest(criteria_text(search, act.type, with_dates=False)),
            digest(f"{same} {search.values('_count')} {headers}"),
        )
        self._log.add(record)
