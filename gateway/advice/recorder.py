"""Recorder of the shape log: a handler that notes each read and search after its response."""

import re
from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import Final

import structlog

from gateway.advice.shape_log import ShapeLog, ShapeRecord
from gateway.advice.shapes import criteria_text, is_page, shape_of
from gateway.apps.app import App
from gateway.cache.accepted_ages import accepted_age
from gateway.cache.directives import request_directives
from gateway.cache.freshness import Freshness, requested_types, written_types
from gateway.cache.lifetimes import lifetime_of_type
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site, may_write
from gateway.ledger.cost import Attribution

_log = structlog.get_logger()
_RECORDED_INTERACTIONS = frozenset({"read", "search-type"})
#: Header fields that make two entries of the cache out of one search.
_SPELLING_HEADERS = ("accept-language", "prefer")
#: Size of a page in bytes up to which its entries are counted: a page of one or two is small.
_MAX_COUNTED_BYTES: Final = 65_536
#: Link to a further page. Quotes inside of a text are escaped, so that no text of a record has this.
_NEXT_LINK = re.compile(rb'"relation"\s*:\s*"next"')
_NO_FRESHNESS: Final = Freshness("off")
#: What an app would be that only shows.
_DISPLAY: Final = App("", "display")
_NO_APPS: Final[Mapping[str, App]] = MappingProxyType({})


class ShapeRecorder:
    """Notes reads and searches of callers with a name, and who changes which type.

    `attribution_of` names site and caller.
    """

    def __init__(
        self,
        inner: Handler,
        log: ShapeLog,
        attribution_of: Callable[[FhirRequest], Attribution],
        clock: Callable[[], float],
        apps: Mapping[str, App] = _NO_APPS,
        freshness_of: Callable[[Site], Freshness] = lambda _: _NO_FRESHNESS,
    ) -> None:
        self._inner = inner
        self._log = log
        self._attribution_of = attribution_of
        self._clock = clock
        self._apps = apps
        self._freshness_of = freshness_of

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises Failure."""
        if request.interaction.code not in _RECORDED_INTERACTIONS or request.site is None:
            response = await self._inner(request)
            if may_write(request):
                self._note_write(request)
            return response
        try:
            response = await self._inner(request)
        except Failure as failure:
            self._try_to_record(request, None, is_paid=failure.upstream_use.requests > 0)
            raise
        self._try_to_record(request, response, is_paid=response.upstream_use.requests > 0)
        return response

    def _note_write(self, request: FhirRequest) -> None:
        attribution = self._attribution_of(request)
        if not attribution.is_unproved:
            sender = request.app, attribution.caller, attribution.site
            self._log.add_write(sender, written_types(request))

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
        entries, has_next = _count_entries(response) if response and is_paid and act.is_search else (0, False)
        app = self._apps.get(request.app)
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
            entries,
            has_next,
            digest(same),
            digest(criteria_text(search, act.type, with_dates=False)),
            digest(f"{criteria_text(search, act.type, as_spelt=True)} {search.values('_count')} {headers}"),
            app.purpose if app else "",
            _demands_fresh(request, app),
            self._display_age(request),
            self._log.has_written((request.app, attribution.caller, attribution.site), act.type),
        )
        self._log.add(record)

    def _display_age(self, request: FhirRequest) -> float:
        freshness = self._freshness_of(request.site) if request.site else _NO_FRESHNESS
        return accepted_age(_DISPLAY, requested_types(request), freshness) or 0.0


def _count_entries(response: FhirResponse) -> tuple[int, bool]:
    """Return the number of entries of a small page, and whether it links to a further one; else 0."""
    if len(response.body) > _MAX_COUNTED_BYTES:
        return 0, False
    return response.body.count(b'"fullUrl"'), _NEXT_LINK.search(response.body) is not None


def _demands_fresh(request: FhirRequest, app: App | None) -> bool:
    """Whether the client, or the freshness of its app, permits no stored response of the usual age."""
    directives, type_ = request_directives(request), request.interaction.type
    age = min(directives.max_age, app.accepted_ages.get(type_, inf) if app else inf)
    return directives.no_cache or directives.no_store or age < lifetime_of_type(type_).balanced
